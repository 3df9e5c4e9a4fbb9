// widened.ts: a graph whose convolutions onnxruntime computes rightly on WebGPU. Its provider (1.30.0, alike on an NVIDIA card and on a
// driver in software) reads or writes wrong places in two cases; more channels or filters, which change no result, avoid its code for them.

import {
  encodeModel,
  integerOf,
  OPSET,
  type Initializer,
  type ModelHeader,
  type Node,
  type WrittenGraph,
} from '../../formats/onnx-writer.ts';
import type { Shape } from '../../util/shape.ts';
import type { Device } from '../engine.ts';

/** Pad takes the places of zeros as a tensor since this version; before, as an attribute. */
const PADS_ARE_TENSORS = 11;

/** The bytes of a model that a device computes rightly. */
export function encodeFor(device: Device, graph: WrittenGraph, header?: ModelHeader): Uint8Array {
  const opset = header?.opsets?.get('') ?? OPSET;
  return encodeModel(device === 'webgpu' ? new Widening(graph, opset).run() : graph, header);
}

/** The shape of a kernel: filters, channels of a group, and taps in all. */
interface Kernel {
  readonly filters: number;
  readonly channels: number;
  readonly taps: number;
  readonly groups: number;
}

/** 6 channels to 8 filters, 9 to 16, 30 to 64: read in threes, which is right for the three channels of a picture alone. */
const missesChannels = ({ filters, channels, taps, groups }: Kernel): boolean =>
  groups === 1 && taps > 1 && channels > 3 && channels % 3 === 0 && channels % 4 !== 0 && filters % 4 === 0;

/** 2 groups of 6 or of 5 filters: written in fours or twos, some of which reach into the next group. */
function missesGroups({ filters, groups }: Kernel): boolean {
  const [each, atOnce] = [filters / groups, filters % 4 === 0 ? 4 : filters % 2 === 0 ? 2 : 1];
  return groups > 1 && each > 4 && each % atOnce !== 0;
}

class Widening {
  readonly #graph: WrittenGraph;
  readonly #opset: number;
  readonly #shapes = new Map<string, Shape>();
  readonly #nodes: Node[] = [];
  readonly #constants = new Map<string, Initializer>();
  readonly #made = new Set<string>();

  constructor(graph: WrittenGraph, opset: number) {
    this.#graph = graph;
    this.#opset = opset;
    for (const { name, shape } of graph.initializers) this.#shapes.set(name, shape);
    for (const { name, shape } of [...graph.inputs, ...(graph.between ?? [])]) {
      if (shape?.every((size) => typeof size === 'number')) this.#shapes.set(name, shape);
    }
  }

  run(): WrittenGraph {
    for (const node of this.#graph.nodes) this.#add(node);
    return { ...this.#graph, nodes: this.#nodes, initializers: [...this.#graph.initializers, ...this.#constants.values()] }; // prettier-ignore
  }

  #add(node: Node): void {
    const kernel = node.op === 'Conv' && !node.domain ? this.#kernelOf(node) : undefined;
    if (kernel && missesChannels(kernel)) this.#addChannels(node, kernel);
    else if (kernel && missesGroups(kernel)) this.#addFilters(node, kernel);
    else this.#nodes.push(node);
  }

  /** Undefined where the kernel's shape is not known, or it is not one of pictures. */
  #kernelOf(node: Node): Kernel | undefined {
    const shape = this.#shapes.get(node.inputs[1] ?? '');
    if (shape?.length !== 4) return undefined;
    const [filters, channels, height, width] = shape as readonly [number, number, number, number];
    return { filters, channels, taps: height * width, groups: integerOf(node, 'group', 1) };
  }

  /** Zeros as further channels of the picture and of the kernel. */
  #addChannels(node: Node, { channels }: Kernel): void {
    const more = 4 - (channels % 4);
    const [x, kernel, ...bias] = node.inputs as readonly [string, string, ...string[]];
    this.#nodes.push({ ...node, inputs: [this.#padded(x, more), this.#padded(kernel, more), ...bias] });
  }

  #padded(tensor: string, channels: number): string {
    const output = `${tensor}:and ${channels} channels`;
    const pads = [0, 0, 0, 0, 0, channels, 0, 0];
    return this.#once(
      output,
      this.#opset < PADS_ARE_TENSORS
        ? { op: 'Pad', inputs: [tensor], outputs: [output], attributes: { pads } }
        : { op: 'Pad', inputs: [tensor, this.#whole(`pads:${channels}`, pads)], outputs: [output] },
    );
  }

  /** In each group its last filter a few times more; what they give is left out. */
  #addFilters(node: Node, { filters, groups }: Kernel): void {
    const each = filters / groups;
    const wide = Math.ceil(each / 4) * 4;
    const [x, ...weights] = node.inputs as readonly [string, ...string[]];
    const [output] = node.outputs as readonly [string];
    const chosen = Array.from({ length: groups * wide }, (_, i) => Math.floor(i / wide) * each + Math.min(i % wide, each - 1)); // prettier-ignore
    const kept = Array.from({ length: filters }, (_, i) => Math.floor(i / each) * wide + (i % each));
    const key = `${groups} of ${each}`;
    const more = weights.map((weight) => (weight === '' ? '' : this.#gathered(weight, this.#whole(`chosen:${key}`, chosen), 0))); // prettier-ignore
    this.#nodes.push(
      { ...node, inputs: [x, ...more], outputs: [`${output}:wide`] },
      gather(`${output}:wide`, this.#whole(`kept:${key}`, kept), output, 1),
    );
  }

  #gathered(tensor: string, indices: string, axis: number): string {
    const output = `${tensor}:${indices}`;
    return this.#once(output, gather(tensor, indices, output, axis));
  }

  #once(output: string, node: Node): string {
    if (!this.#made.has(output)) this.#nodes.push(node);
    this.#made.add(output);
    return output;
  }

  #whole(name: string, values: readonly number[]): string {
    const content = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    this.#constants.set(name, { name, type: 'int64', shape: [values.length], content });
    return name;
  }
}

const gather = (tensor: string, indices: string, output: string, axis: number): Node => ({
  op: 'Gather',
  inputs: [tensor, indices],
  outputs: [output],
  attributes: { axis },
});
