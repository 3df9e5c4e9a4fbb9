// int8.ts: what is measured of networks in 8 bits: their speed beside float32 in one run, and how often they agree on photos.

import { createOnnxEngine } from '../src/engine/onnx/session.ts';
import { outputOf } from '../src/graph/output.ts';
import { readModelFolder } from '../src/artefact/model-folder.ts';
import { tryBytes, type TimesAsFast } from '../src/api/models/byte-trial.ts';
import { calibrationPictures } from '../src/api/models/calibration-pictures.ts';
import { workOf } from '../src/api/work.ts';
import { bytePlaces } from '../src/quantization/units.ts';
import { modelFolder, photos, REAL_RESNET18, usersModel, type BenchContext } from './context.ts';
import { measure, type Row } from './measure.ts';

const FLOAT32 = 'float32, here';

/** Networks whose answers count: the shipped one, and ResNet-18 where the user has it. */
const REAL = [['efficientnet_lite0'], REAL_RESNET18] as const;
/** Made-up weights take the same time. */
const MADE_UP = ['resnet50'] as const;

/** Pictures that are judged by. */
const COUNT = 200;

/** Forward in 8 bits beside float32, and agreement with it. */
export async function int8({ scratch }: BenchContext): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const names of REAL) {
    const found = await usersModel(names);
    const isReal = found !== undefined;
    rows.push(...(await measured(found ?? (await modelFolder(scratch, names.at(-1)!)), names.at(-1)!, { isReal, scratch })));
  }
  for (const name of MADE_UP) {
    rows.push(...(await measured(await modelFolder(scratch, name), name, { isReal: false, scratch })));
  }
  return rows;
} // prettier-ignore

async function measured(
  folder: string,
  name: string,
  { isReal, scratch }: { readonly isReal: boolean; readonly scratch: string },
): Promise<readonly Row[]> {
  const model = await readModelFolder(folder);
  const { graph, weights, classifier } = model;
  const preprocessing = model.preprocessing!;
  const engine = await createOnnxEngine({ device: 'cpu' });
  const bits = await engine.weightBits!();
  const work = workOf({});
  // The answers of made-up weights say nothing: a few pictures give the ranges.
  const pictures = await calibrationPictures(await photos(scratch, isReal ? COUNT : 8), { model, preprocessing }, work); // prettier-ignore
  const rows: Row[] = [];
  const timesAsFast: TimesAsFast = async (float32, bytes, count) => {
    const timed = (run: typeof float32) => async () => {
      const began = performance.now();
      await run(count);
      return performance.now() - began;
    };
    const row = await measure({
      measure: `${name} in 8 bits (weights of ${bits}), batch ${count}`,
      unit: 'ms',
      repeats: count > 1 ? 9 : 25,
      peerName: FLOAT32,
      finch: timed(bytes),
      peer: timed(float32),
    });
    rows.push(row);
    return 1 / row.ratio!;
  };
  const trial = { model: { graph, weights, mean: preprocessing.mean, std: preprocessing.std }, output: outputOf(graph), size: preprocessing.size, places: bytePlaces(graph, classifier), pictures, engine, bits }; // prettier-ignore
  const { facts } = await tryBytes(trial, work, timesAsFast);
  if (isReal) {
    const share = 100 * facts.agreement;
    rows.push({ measure: `${name}: the same class as float32, ${facts.pictures} photos, ${facts.method}`, unit: '%', finch: share, peer: 100, ratio: 100 / share, peerName: FLOAT32 }); // prettier-ignore
  }
  return rows;
}
