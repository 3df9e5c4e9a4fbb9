// quantize.ts: `finch models quantize`: a model that is computed in 8 bits where that is faster and answers alike. Its weights stay float32.

import path from 'node:path';
import { readModelFolder, writeModelFolder } from '../../artefact/model-folder.ts';
import type { Model } from '../../artefact/model.ts';
import type { QuantizationFacts } from '../../artefact/quantization-facts.ts';
import { selectEngine } from '../../engine/select.ts';
import { isOpaque } from '../../graph/opaque.ts';
import { refusalOf } from '../../quantization/agreement.ts';
import { bytePlaces, type Places } from '../../quantization/units.ts';
import { importedModels } from '../../store/home.ts';
import { resolveModel } from '../../store/models.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import { outputOfModel } from '../../artefact/model.ts';
import { putsOutClasses } from '../classes.ts';
import { refuseLosses } from '../outputs.ts';
import { fetchProgress, type Work } from '../work.ts';
import { tryBytes, type TimesAsFast } from './byte-trial.ts';
import { calibrationPictures, checkCalibrationFolder } from './calibration-pictures.ts';
import { checkModelName, checkModelPlace, inModelPlace } from './model-place.ts';

export interface QuantizeFlags {
  /** A folder of pictures. */
  readonly calibrate: string;
  readonly name?: string;
  readonly force?: boolean;
  readonly offline?: boolean;
}

export interface QuantizedModel {
  readonly name: string;
  readonly folder: string;
  readonly facts: QuantizationFacts;
  /** Why it runs in float32 all the same; absent where it does not. */
  readonly refusal?: string | undefined;
}

/**
 * @param timesAsFast a stopwatch, which tests replace
 * @throws AppError USAGE, MODEL_UNSUPPORTED for a network that has no place for 8 bits, DATASET_NOT_FOUND, DATASET_INVALID, WRITE_FAILED, INTERRUPTED
 */
export async function quantizeModel(
  named: string,
  { calibrate, name: asked, force = false, offline = false }: QuantizeFlags,
  work: Work,
  timesAsFast?: TimesAsFast,
): Promise<QuantizedModel> {
  if (asked !== undefined) checkModelName(asked);
  await checkCalibrationFolder(calibrate);
  const source = await resolveModel(named, {
    offline,
    signal: work.signal,
    onProgress: fetchProgress(`fetching ${named}`, work),
    onNote: (text) => work.note(text),
  });
  const model = await readModelFolder(source);
  const name = checkModelName(asked ?? `${model.name}-int8`);
  const folder = path.join(importedModels(), name);
  const output = { flag: '--name', file: folder };
  const place = { output, force, otherwise: 'choose another --name' };
  await checkModelPlace(place);
  await refuseLosses([output], { model: source });
  const places = placesFor(model);
  const engine = await selectEngine({ engine: 'onnx', device: 'cpu' });
  const { graph, weights, preprocessing } = model;
  if (!preprocessing) throw unsupported(model, 'does not say how its pixels are prepared; import it again with --mean and --std');
  const pictures = await calibrationPictures(calibrate, { model, preprocessing }, work);
  const { mean, std, size } = preprocessing;
  const { quantization, facts } = await tryBytes(
    { model: { graph, weights, mean, std }, output: outputOfModel(model), size, places, pictures, engine, bits: await engine.weightBits!() },
    work,
    timesAsFast,
  ); // prettier-ignore
  const refusal = refusalOf(facts);
  const { quantization: _, ...whole } = model;
  const made: Model = { ...whole, name, int8: facts, ...(refusal === undefined && { quantization }) };
  await inModelPlace(place, () => writeModelFolder(folder, made, { dtype: 'float32' }), work.signal);
  return { name, folder, facts, refusal };
}

function placesFor(model: Model): Places {
  if (isOpaque(model.graph)) {
    throw unsupported(model, 'runs as the foreign network that it is, and nothing of it can be replaced; quantize it where it was made, and import that file');
  } // prettier-ignore
  if (putsOutClasses(model) === undefined) {
    throw unsupported(model, 'puts out features and no classes, by which 8 bits would be judged');
  }
  const places = bytePlaces(model.graph, model.classifier);
  if (places.inputs.size > 0) return places;
  throw unsupported(model, 'has no convolutions behind its first, and only those are computed in 8 bits; it stays in float32');
}

const unsupported = ({ name }: Model, problem: string) =>
  new AppError('MODEL_UNSUPPORTED', `${quoted(name)} ${problem}`);
