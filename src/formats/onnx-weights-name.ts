// onnx-weights-name.ts: what a model that finch wrote calls the weights beside it.

/** The file name in external initializers. The runtime receives a buffer under this name. */
export const WEIGHTS_LOCATION = 'weights';
