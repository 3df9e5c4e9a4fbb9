// learning-curve.ts: `finch learning-curve`: prints or writes the curve.

import { learningCurve } from '../api/learning-curve.ts';
import { madeIn } from '../api/made.ts';
import { outputsOf } from '../api/outputs.ts';
import type { LearningCurveConfig } from '../config/learning-curve.ts';
import { curveJson, curvePage, curveText } from '../report/learning-curve.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { checkOutputs } from '../util/outputs.ts';
import { terminalColumns } from '../util/progress.ts';
import { write, type Output } from './output.ts';
import { terminalWork } from './terminal.ts';

export async function showLearningCurve(
  { dataset, flags, format, out }: LearningCurveConfig,
  output: Output,
): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const began = performance.now();
  await checkOutputs(outputsOf({ '--out': out }));
  const curve = await learningCurve(dataset, flags, work).finally(() => work.clear());
  const text = {
    table: () => curveText(curve, out === undefined ? terminalColumns(output.stdout) : undefined),
    json: () => curveJson(curve),
    html: () => curvePage(curve, madeIn((performance.now() - began) / 1000)),
  }[format]();
  if (out === undefined) await write(output.stdout, text);
  else {
    await writeFileAtomic(out, text);
    work.note(`${format}: ${out}`);
  }
  return ExitCode.ok;
}
