// classify.ts: `classify`: writes what the library says of each picture, and draws the figure.

import { classifyPictures } from '../api/classify.ts';
import { openClassifier } from '../api/ensemble.ts';
import { refuseLosses, outputsOf, pathOf } from '../api/outputs.ts';
import { pictureCount } from '../api/picture-count.ts';
import { checkPicturesInto, checkSorting, withSorter, type Sorter } from '../api/sort-into.ts';
import { untilInterrupted } from '../api/work.ts';
import { classesFile } from '../config/classes.ts';
import type { ClassifyConfig } from '../config/classify.ts';
import { fetched, refuseOffline } from '../images/fetching/fetched.ts';
import { timeline, type Timeline } from '../images/frames.ts';
import { passedOver } from '../images/passed-over.ts';
import { imageReferences } from '../images/source.ts';
import { checkFfmpeg } from '../images/video.ts';
import { createWriter } from '../report/writer.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { checkOutputs, notOverwritten } from '../util/outputs.ts';
import { hasColours, terminalColumns } from '../util/progress.ts';
import { figureCollector } from './figure.ts';
import { write, writeCsv, type Output } from './output.ts';
import { terminalWork, type TerminalWork } from './terminal.ts';

export async function classify(config: ClassifyConfig, output: Output): Promise<ExitCodeValue> {
  const terminal = terminalWork(output);
  // On a terminal, the result rows already show the progress.
  const showsProgress = output.stderr.isTTY && !output.stdout.isTTY;
  // When nobody reads the rows any more, a source that waits for pictures is not waited for.
  const left = new AbortController();
  const signal = AbortSignal.any([output.signal, left.signal]);
  const work: TerminalWork = {
    ...terminal,
    signal,
    progress: (progress) => {
      if (progress.task !== 'classify' || showsProgress) terminal.progress(progress);
    },
  };
  const { inputs, labels, figure, sort, explain, watch, every } = config;
  const searched = watch === undefined ? inputs : [watch];
  const outputs = outputsOf({ '--figure': figure?.file });
  const files = ['file' in labels ? labels.file : undefined, classesFile(config)];
  await refuseOffline(inputs, config);
  await checkOutputs(outputs);
  if (sort) await checkSorting(sort, searched);
  const folder = explain?.folder;
  if (folder !== undefined)
    await checkPicturesInto({ flag: '--explain', file: folder }, searched, 'explained');
  await refuseLosses(outputs, { ...config, files }, output.signal);
  if (every !== undefined) await checkFfmpeg();
  const opened = await openClassifier(config, work);
  const passed = passedOver();
  const frames = timeline(every, config.decode.maxPixels);
  const references =
    watch === undefined
      ? notOverwritten(
          fetched(imageReferences(inputs, output.stdin, signal, passed), { ...config, signal }),
          outputs,
          pathOf,
        )
      : // Loaded by who watches, so that nobody else waits for it.
        (await import('../images/watched.ts')).watchedReferences(watch, { signal, passed });
  const settings = {
    ...config,
    keepOriginal: figure !== undefined || folder !== undefined,
    explains: explain !== undefined,
    ...(showsProgress &&
      watch === undefined &&
      every === undefined && { total: pictureCount(inputs, output.signal) }),
  };
  try {
    const pictures = classifyPictures(opened, frames.expand(references, signal), settings, work);
    const leave = () => left.abort();
    const rows = (sorter?: Sorter) => writeRows(pictures, { ...config, sorter, leave, frames }, output, work);
    const code = await (sort ? withSorter(sort, rows) : rows());
    for (const line of passed.lines()) work.note(line);
    return code;
  } finally {
    work.clear();
    await opened.close();
  }
}

interface RowsConfig extends ClassifyConfig {
  readonly sorter?: Sorter | undefined;
  /** Called when a row cannot be written. */
  readonly leave: () => void;
  readonly frames: Timeline;
}

async function writeRows(
  pictures: ReturnType<typeof classifyPictures>,
  { format, labels, figure, csvSafe, explain, watch, sorter, leave, every, frames }: RowsConfig,
  output: Output,
  work: TerminalWork,
): Promise<ExitCodeValue> {
  const languages = 'languages' in labels ? labels.languages : (['en', 'zh'] as const);
  const writer = createWriter(format, {
    columns: terminalColumns(output.stdout) ?? 100,
    colour: hasColours(output.stdout),
    labels: languages,
    csvSafe,
    hasTimes: every !== undefined,
  });
  const figures = figure && figureCollector(figure, languages);
  // Loaded by who asks for maps, so that nobody else waits for it.
  const heats = explain && (await import('./heat.ts')).heatMaps(explain.folder);
  let [done, failed] = [0, 0];
  const print = (text: string) =>
    (format === 'csv' ? writeCsv : write)(output.stdout, text).catch((error: unknown) => {
      leave();
      throw error;
    });
  for await (const { result, original, heat } of untilInterrupted(pictures, output.signal)) {
    const { time, root } = frames.answered();
    // Taken away again before it was read.
    if (watch !== undefined && 'error' in result && result.error.code === 'INPUT_NOT_FOUND') continue;
    if (done === 0) await print(writer.begin());
    done += 1;
    let row = time === undefined ? result : { ...result, time };
    if ('error' in result) failed += 1;
    else {
      const shown = heats?.drawn(original, heat) ?? original;
      await figures?.add(result, shown);
      const file = await heats?.save(result.file, shown);
      if (file !== undefined) row = { ...result, ...row, explain: { file } };
      const [first] = result.unknown ? [] : result.predictions;
      await sorter?.add({ file: result.file, root, label: first?.label, probability: first?.probability });
    }
    work.clear();
    await print(writer.result(row));
  }
  work.clear();
  await print(done === 0 ? writer.begin() + writer.end() : writer.end());
  const drawn = await figures?.save();
  if (drawn !== undefined) work.note(drawn);
  for (const line of heats?.summary() ?? []) work.note(line);
  for (const line of sorter?.summary() ?? []) work.note(line);
  // An interruption is how a watch ends, and its rows have told what failed.
  if (output.signal.aborted) return watch === undefined ? ExitCode.interrupted : ExitCode.ok;
  if (failed > 0) work.note(`${failed} of ${done} pictures failed; their rows say why`);
  return failed > 0 ? ExitCode.partial : ExitCode.ok;
}
