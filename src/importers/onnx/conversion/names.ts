// names.ts: what a layer is called: as the module that its weights belong to, else as its node.

import type { OnnxNode } from '../../../formats/onnx-model.ts';

/** `layer1.0.conv1` of the weight `layer1.0.conv1.weight`, or of the node `/layer1/layer1.0/conv1/Conv`, with the operator behind it. */
export function layerName({ name, op, inputs, outputs }: OnnxNode): string {
  const weight = inputs.slice(1).find((input) => input.endsWith('.weight'));
  if (weight !== undefined) return weight.slice(0, -'.weight'.length);
  const parts = (name || outputs[0] || op).split('/').filter((part) => part !== '');
  // Exporters repeat the modules around a module in its name.
  return parts.filter((part, i) => !parts[i + 1]?.startsWith(`${part}.`)).join('.');
}
