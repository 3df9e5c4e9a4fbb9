// list-layers.ts: `extract-features --list-layers`: names and shapes of a model's layers. Runs nothing.

import { layerShapes } from '../api/embedding.ts';
import { openNetwork } from '../api/network.ts';
import { embeddingLayer } from '../artefact/model.ts';
import type { InferenceConfig } from '../config/inference.ts';
import { formatTable } from '../report/text-table.ts';
import { ExitCode, type ExitCodeValue } from '../util/errors.ts';
import { terminalColumns } from '../util/progress.ts';
import { formatShape } from '../util/shape.ts';
import { write, type Output } from './output.ts';
import { terminalWork } from './terminal.ts';

/** Shapes without the batch, channel-last, at the size at which the model would be run. */
export async function listLayers(config: InferenceConfig, output: Output): Promise<ExitCodeValue> {
  const work = terminalWork(output);
  const found = await openNetwork(config, work).finally(() => work.clear());
  const shapes = layerShapes(found);
  const rows = found.model.graph.layers.map(({ name, kind }) => [name, formatShape(shapes.get(name)!), kind]);
  await write(output.stdout, formatTable(rows, { columns: terminalColumns(output.stdout) }));
  const layer = embeddingLayer(found.model);
  const what = layer === found.model.graph.output ? "the network's output" : 'the input of the classifier';
  work.note(`the default layer is ${layer}, ${what}`);
  return ExitCode.ok;
}
