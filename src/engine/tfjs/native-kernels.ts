// native-kernels.ts: TensorFlow's own operations through tfjs-node, with their gradients: batch norm in one pass, convolutions that
// pad by any number of zeros, gradients of the rectifiers in one pass. The same functions as `plainKernels`.

import type { Kernels, Norm, Statistics, Tensor1D, Tensor4D, Window } from './kernels.ts';
import type { NativeBackend, OpAttribute, Tf, TfTensor } from './runtime.ts';

export function nativeKernels(tf: Tf, backend: NativeBackend): Kernels {
  const { binding } = backend;
  const float = (name: string): OpAttribute => attribute(name, 'TF_ATTR_TYPE', binding['TF_FLOAT']!);
  const attribute = (
    name: string,
    type: 'TF_ATTR_TYPE' | 'TF_ATTR_INT' | 'TF_ATTR_FLOAT' | 'TF_ATTR_BOOL' | 'TF_ATTR_STRING',
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

  const convolution = (operation: 'Conv2D' | 'DepthwiseConv2dNative') => {
    const backprop = operation === 'Conv2D' ? 'Conv2DBackprop' : ('DepthwiseConv2dNativeBackprop' as const);
    return (x: Tensor4D, kernel: Tensor4D, { strides, dilation, padding, inputLearns }: Window): Tensor4D => {
      const explicit = typeof padding !== 'string';
      const attributes = [
        float('T'),
        attribute('strides', 'TF_ATTR_INT', [1, ...strides, 1]),
        attribute('dilations', 'TF_ATTR_INT', [1, ...dilation, 1]),
        attribute('padding', 'TF_ATTR_STRING', explicit ? 'EXPLICIT' : padding.toUpperCase()),
        ...(explicit
          ? [
              attribute('explicit_paddings', 'TF_ATTR_INT', [
                0,
                0,
                padding.top,
                padding.bottom,
                padding.left,
                padding.right,
                0,
                0,
              ]),
            ]
          : []),
        channelsLast,
      ];
      const sizes = (of: Tensor4D) => tf.tensor1d(of.shape, 'int32');
      const ofInput = (dy: TfTensor, k: Tensor4D) =>
        runOne(`${backprop}Input`, attributes, [sizes(x), k, dy]);
      const ofKernel = (dy: TfTensor) => runOne(`${backprop}Filter`, attributes, [x, sizes(kernel), dy]);
      // A gradient function is asked for all its arguments at once: what needs none is no argument.
      const apply = inputLearns
        ? tf.customGrad((...args) => {
            const [a, k, save] = args as unknown as [Tensor4D, Tensor4D, Save];
            save([a, k]);
            return {
              value: runOne(operation, attributes, [a, k]) as Tensor4D,
              gradFunc: (dy: Tensor4D) => [ofInput(dy, k), ofKernel(dy)],
            };
          })
        : tf.customGrad((...args) => {
            const [k, save] = args as unknown as [Tensor4D, Save];
            save([x]);
            return {
              value: runOne(operation, attributes, [x, k]) as Tensor4D,
              gradFunc: (dy: Tensor4D) => [ofKernel(dy)],
            };
          });
      return inputLearns ? apply(x, kernel) : apply(kernel);
    };
  };

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

  /** One operation for both modes; it hands back what its gradient needs. */
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
      // At inference it is the statistics given that the gradient takes.
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
    conv2d: convolution('Conv2D'),
    depthwiseConv2d: convolution('DepthwiseConv2dNative'),
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
