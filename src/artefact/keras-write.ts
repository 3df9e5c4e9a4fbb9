// keras-write.ts: a graph -> the topology of a tf.LayersModel (Keras 2's functional JSON).

import { kindOf } from '../graph/kinds/kinds.ts';
import type { Graph } from '../graph/layers.ts';

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
          const [className, config] = kindOf(layer).keras.write(layer);
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
