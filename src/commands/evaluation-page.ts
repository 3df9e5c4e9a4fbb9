// evaluation-page.ts: `--report`: reads the worst mistakes' pictures again, small, and writes the page.

import { readFile } from 'node:fs/promises';
import type { Sample } from '../dataset/dataset.ts';
import { decodeImage, encodeThumbnail, type DecodeOptions } from '../images/decode.ts';
import { evaluationPage } from '../report/evaluation-page.ts';
import type { EvaluationReport } from '../report/evaluation.ts';
import { writeFileAtomic } from '../util/files.ts';

/** A mistake: the picture, what it is, and what the network said. */
export interface WorstCase {
  readonly sample: Sample;
  readonly truth: string;
  readonly said: string;
}

interface PageContent {
  readonly report: EvaluationReport;
  readonly worst: readonly WorstCase[];
  readonly decode: DecodeOptions;
}

/** Longest side of a thumbnail, in pixels. */
const SIDE = 240;

export async function writeEvaluationPage(
  file: string,
  { report, worst, decode }: PageContent,
): Promise<void> {
  const tiles = [];
  for (const { sample, truth, said } of worst) {
    const { jpeg, width, height } = await encodeThumbnail(
      await decodeImage(await readFile(sample.path), decode),
      SIDE,
    );
    const dataUri = `data:image/jpeg;base64,${jpeg.toString('base64')}`;
    tiles.push({ title: sample.file, picture: { dataUri, width, height }, lines: [truth, `said: ${said}`] });
  }
  await writeFileAtomic(file, evaluationPage(report, tiles));
}
