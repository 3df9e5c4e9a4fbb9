// names.ts: what tensors are called in an ONNX graph. What a layer's tensors are called ends in a colon and a word of this file, so
// that no layer, whatever its name, takes the name of an input, an output or a variable of the step.

/** What a layer puts out. */
export const layerTensor = (layer: string): string => `${layer}:out`;

/** A layer's weight among the constants. */
export const constantWeight = (layer: string, part: 'kernel' | 'bias'): string => `${layer}:${part}`;

/** A tensor in another order of axes. */
export const inLayout = (tensor: string, layout: string): string => `${tensor}:${layout}`;
