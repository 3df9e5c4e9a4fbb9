// calibration.ts: what pictures make of a network's layers, gathered one batch after another, and the quantization that follows from it.

import type { Shape } from '../util/shape.ts';
import { Histogram } from './histogram.ts';
import type { WeightBits } from './kernel.ts';
import type { Quantization } from './quantization.ts';
import { METHODS, type Method } from './ranges.ts';
import type { Places } from './units.ts';

/** A layer's output for a batch, channel-last. */
interface Numbers {
  readonly data: Float32Array;
  readonly shape: Shape;
}

export class Calibration {
  /** The layers whose output `add` takes, in this order. */
  readonly layers: readonly string[];
  readonly #inputs: Places['inputs'];
  readonly #histograms: ReadonlyMap<string, Histogram>;
  readonly #sums = new Map<string, { readonly byChannel: Float64Array; places: number }>();

  constructor({ ranged, inputs }: Places) {
    this.layers = [...ranged];
    this.#inputs = inputs;
    this.#histograms = new Map(this.layers.map((layer) => [layer, new Histogram()]));
  }

  add(outputs: readonly Numbers[]): void {
    const taken = new Set(this.#inputs.values());
    this.layers.forEach((layer, i) => {
      const { data, shape } = outputs[i]!;
      this.#histograms.get(layer)!.add(data);
      if (taken.has(layer)) this.#addSums(layer, data, shape.at(-1)!);
    });
  }

  #addSums(layer: string, data: Float32Array, channels: number): void {
    const sums = this.#sums.get(layer) ?? { byChannel: new Float64Array(channels), places: 0 };
    this.#sums.set(layer, sums);
    for (let at = 0; at < data.length; at += channels) {
      for (let c = 0; c < channels; c++) sums.byChannel[c]! += data[at + c]!;
    }
    sums.places += data.length / channels;
  }

  quantization(method: Method, bits: WeightBits): Quantization {
    const means = [...this.#inputs].map(([convolution, input]) => {
      const { byChannel, places } = this.#sums.get(input)!;
      return [convolution, Float32Array.from(byChannel, (sum) => sum / places)] as const;
    });
    const ranges = [...this.#histograms].map(
      ([layer, histogram]) => [layer, METHODS[method](histogram)] as const,
    );
    return { bits, ranges: new Map(ranges), means: new Map(means) };
  }
}
