// keras-write.ts: a graph -> the topology of a tf.LayersModel (Keras 2's functional JSON).

import type { Graph, Layer, Size2d } from '../graph/layers.ts';

type Config = Record<string, unknown>;

/** The `modelTopology` of model.json. */
export function topologyOf(graph: Graph): Config {
  return {
    keras_version: '2.15.0',
    backend: 'tensorflow',
    model_config: {
      class_name: 'Model',
      config: {
        name: graph.name,
        layers: graph.layers.map((layer) => {
          const [className, config] = kerasLayer(layer);
          const inbound = layer.inputs.map((input) => [input, 0, 0, {}]);
          return {
            class_name: className,
            name: layer.name,
            config: { name: layer.name, trainable: true, ...config },
            inbound_nodes: inbound.length > 0 ? [inbound] : [],
          };
        }),
        input_layers: [[graph.input, 0, 0]],
        output_layers: [[graph.output, 0, 0]],
      },
    },
  };
}

function kerasLayer(layer: Layer): readonly [className: string, config: Config] {
  switch (layer.kind) {
    case 'input':
      return ['InputLayer', { batch_input_shape: [null, ...layer.shape], dtype: 'float32', sparse: false }];
    case 'conv2d':
      return layer.groups === undefined
        ? ['Conv2D', { filters: layer.filters, ...convolution(layer) }]
        : ['FinchGroupedConv2D', { filters: layer.filters, groups: layer.groups, ...convolution(layer) }];
    case 'depthwiseConv2d':
      return ['DepthwiseConv2D', { depth_multiplier: layer.depthMultiplier, ...convolution(layer) }];
    case 'batchNormalization': {
      const { epsilon, momentum, center, scale } = layer;
      return ['BatchNormalization', { axis: -1, epsilon, momentum, center, scale }];
    }
    case 'activation':
      return activation(layer.activation, layer.alpha);
    case 'zeroPadding2d': {
      const { top, bottom, left, right } = layer.pad;
      return ['ZeroPadding2D', { padding: [[top, bottom], [left, right]], ...CHANNELS_LAST }]; // prettier-ignore
    }
    case 'maxPooling2d':
      return ['MaxPooling2D', pooling(layer)];
    case 'averagePooling2d':
      return ['AveragePooling2D', pooling(layer)];
    case 'globalAveragePooling2d':
      return ['GlobalAveragePooling2D', CHANNELS_LAST];
    case 'globalMaxPooling2d':
      return ['GlobalMaxPooling2D', CHANNELS_LAST];
    case 'dense':
      return ['Dense', { units: layer.units, activation: 'linear', use_bias: layer.useBias }];
    case 'add':
      return ['Add', {}];
    case 'multiply':
      return ['Multiply', {}];
    case 'concatenate':
      return ['Concatenate', { axis: -1 }];
    case 'reshape':
      return ['Reshape', { target_shape: layer.shape }];
    case 'flatten':
      return ['Flatten', {}];
    case 'dropout':
      return ['Dropout', { rate: layer.rate, ...(layer.perSample && { noise_shape: [null, 1, 1, 1] }) }];
    default:
      throw new Error(`no tf.LayersModel class for ${(layer satisfies never as Layer).kind}`);
  }
}

const CHANNELS_LAST = { data_format: 'channels_last' };

function convolution(layer: Extract<Layer, { kind: 'conv2d' | 'depthwiseConv2d' }>): Config {
  return {
    kernel_size: layer.kernelSize,
    strides: layer.strides,
    padding: layer.padding,
    dilation_rate: layer.dilation,
    activation: 'linear',
    use_bias: layer.useBias,
    ...CHANNELS_LAST,
  };
}

function pooling(layer: { poolSize: Size2d; strides: Size2d; padding: string }): Config {
  return { pool_size: layer.poolSize, strides: layer.strides, padding: layer.padding, ...CHANNELS_LAST };
}

function activation(name: string, alpha: number | undefined): readonly [string, Config] {
  if (name === 'relu6') return ['ReLU', { max_value: 6 }];
  if (name === 'leakyRelu') return ['LeakyReLU', { alpha: alpha ?? 0.3 }];
  if (name === 'elu') return ['ELU', { alpha: alpha ?? 1 }];
  if (name === 'hardSigmoidTorch') return ['FinchHardActivation', { activation: 'hard_sigmoid' }];
  if (name === 'hardSwish') return ['FinchHardActivation', { activation: 'hard_swish' }];
  return ['Activation', { activation: name === 'hardSigmoid' ? 'hard_sigmoid' : name }];
}
