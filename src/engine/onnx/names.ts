// names.ts: the names of tensors in an ONNX graph. The names of a layer's tensors end in a colon and a word of this file, so that
// no layer name can collide with the name of an input, an output or a variable of the step.

/** A layer's output. */
export const layerTensor = (layer: string): string => `${layer}:out`;

/** A layer's weight among the constants. */
export const constantWeight = (layer: string, part: 'kernel' | 'bias' | 'scales'): string =>
  `${layer}:${part}`;

/** A tensor of a foreign network. */
export const foreignTensor = (name: string): string => `${name}:foreign`;

/** A tensor in another order of axes. */
export const reordered = (tensor: string, perm: readonly number[]): string => `${tensor}:${perm.join('')}`;

/** A tensor as bytes, and bytes as a tensor again. */
export const asBytes = (tensor: string): string => `${tensor}:bytes`;
export const asFloats = (tensor: string): string => `${tensor}:floats`;
