// native-kernels.ts: TensorFlow's own operations through tfjs-node, with their gradients: batch norm in one pass, gradients of the
// rectifiers in one pass. The same functions as `plainKernels`. Convolutions are TensorFlow.js's: TensorFlow's explicit padding,
// which would spare the copies, takes a slower path (a step half as long again).

import {
  plainKernels,
  type Kernels,
  type Norm,
  type Statistics,
  type Tensor1D,
  type Tensor4D,
} from './kernels.ts';
import type { NativeBackend, OpAttribute, Tf, TfTensor } from './runtime.ts';

export function nativeKernels(tf: Tf, backend: NativeBackend): Kernels {
  const { binding } = backend;
  const float = (name: string): OpAttribute => attribute(name, 'TF_ATTR_TYPE', binding['TF_FLOAT']!);
  const attribute = (
    name: string,
    type: 'TF_ATTR_TYPE' | 'TF_ATTR_FLOAT' | 'TF_ATTR_BOOL' | 'TF_ATTR_STRING',
    value: OpAttribute['value'],
  ): OpAttribute => ({ name, type: binding[type]!, value });
  const channelsLast = attribute('data_format', 'TF_ATTR_STRING', 'NHWC');
  const run = (
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly TfTensor[],
    outputs: number,
  ) => backend.executeMultipleOutputs(name, attributes, inputs, outputs);
  const runOne = (...call: [string, readonly OpAttribute[], readonly TfTensor[]]): TfTensor =>
    run(...call, 1)[0]!;

  const rectifier = (operation: 'Relu' | 'Relu6') =>
    tf.customGrad((...args) => {
      const [x, save] = args as unknown as [TfTensor, Save];
      const value = runOne(operation, [float('T')], [x]);
      save([value]);
      return {
        value,
        gradFunc: (dy: TfTensor, saved: TfTensor[]) =>
          runOne(`${operation}Grad`, [float('T')], [dy, saved[0]!]),
      };
    });

  /** One operation for both modes. It also returns the values that its gradient needs. */
  const norm = (x: Tensor4D, { gamma, beta, epsilon }: Norm, given: Statistics | undefined) => {
    const attributes = [
      float('T'),
      float('U'),
      attribute('epsilon', 'TF_ATTR_FLOAT', epsilon),
      attribute('is_training', 'TF_ATTR_BOOL', given === undefined),
      channelsLast,
    ];
    let batch: Statistics | undefined;
    const apply = tf.customGrad((...args) => {
      const [a, g, b, save] = args as unknown as [Tensor4D, Tensor1D, Tensor1D, Save];
      const none = tf.tensor1d([]);
      const { mean, variance } = given ?? { mean: none, variance: none };
      const [y, batchMean, batchVariance, ...reserved] = run(
        'FusedBatchNormV3',
        attributes,
        [a, g, b, mean, variance],
        6,
      ) as [Tensor4D, Tensor1D, Tensor1D, ...TfTensor[]];
      if (!given) batch = { mean: tf.keep(batchMean), variance: tf.keep(batchVariance) };
      // At inference the gradient uses the given statistics.
      save([a, g, ...(given ? [mean, variance, reserved[2]!] : reserved)]);
      return {
        value: y,
        gradFunc: (dy: TfTensor, saved: TfTensor[]) =>
          run('FusedBatchNormGradV3', attributes, [dy, ...saved], 5).slice(0, 3),
      };
    });
    const y = apply(x, gamma, beta);
    return { y, batch };
  };

  return {
    ...plainKernels(tf),
    addBias: <T extends TfTensor>(x: T, bias: Tensor1D) => {
      const apply = tf.customGrad((...args) => {
        const [a, b] = args as unknown as [T, Tensor1D];
        return {
          value: runOne('BiasAdd', [float('T'), channelsLast], [a, b]),
          gradFunc: (dy: TfTensor) => [dy.clone(), runOne('BiasAddGrad', [float('T'), channelsLast], [dy])],
        };
      });
      return apply(x, bias) as T;
    },
    relu: rectifier('Relu'),
    relu6: rectifier('Relu6'),
    trainedNorm(x, of) {
      const { y, batch } = norm(x, of, undefined);
      return { y, batch: batch! };
    },
    fixedNorm: (x, of, statistics) => norm(x, of, statistics).y,
  };
}

type Save = (tensors: readonly TfTensor[]) => void;
