// foreign-nodes.ts: writes the nodes of a foreign network into the ONNX graph that is being lowered: those that lead to the tensors
// asked for, each once. Their tensors are renamed, so that no name is also one of finch's.

import type { OnnxModel, OnnxNode } from '../../formats/onnx-model.ts';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';
import type { Emitter } from './emitter.ts';
import { foreignTensor } from './names.ts';
import { renamedNode, tensorsNamedIn } from './renamed.ts';
import type { WeightPacker } from './weights.ts';

/** Smaller constants stay in the model: from them the runtime reads sizes and axes when it infers shapes. */
const MIN_PACKED_BYTES = 1024;

export class ForeignNodes {
  readonly #network: OnnxModel;
  readonly #emitter: Emitter;
  readonly #packer: WeightPacker;
  readonly #producers = new Map<string, OnnxNode>();
  readonly #written = new Set<OnnxNode | string>();
  /** The tensors of ours that the network's inputs are. */
  readonly #given = new Map<string, string>();

  constructor(network: OnnxModel, emitter: Emitter, packer: WeightPacker) {
    this.#network = network;
    this.#emitter = emitter;
    this.#packer = packer;
    for (const node of network.nodes) for (const name of node.outputs) this.#producers.set(name, node);
  }

  /** The tensor of ours that is an input of the network; `make` is called for the first layer that asks. */
  give(input: string, make: () => string): void {
    if (!this.#given.has(input)) this.#given.set(input, make());
  }

  /** Writes what leads to a tensor, and returns its name in the model. @throws AppError MODEL_INVALID when nothing makes it */
  tensor(name: string): string {
    return this.tensors([name])[0]!;
  }

  /** The same for several. */
  tensors(names: readonly string[]): readonly string[] {
    const needed = this.#neededFor(names);
    for (const node of this.#network.nodes) {
      if (!needed.has(node)) continue;
      this.#written.add(node);
      for (const output of node.outputs) if (output !== '') this.#emitter.declare(foreignTensor(output));
      this.#emitter.nodes.push(renamedNode(node, this.#nameOf));
    }
    return names.map(this.#nameOf);
  }

  readonly #nameOf = (name: string): string =>
    name === '' ? '' : (this.#given.get(name) ?? foreignTensor(name));

  #isKnown(name: string): boolean {
    return this.#given.has(name) || this.#producers.has(name) || this.#network.initializers.has(name);
  }

  /** The nodes that lead to these tensors and are not written yet. Their constants are written on the way. */
  #neededFor(wanted: readonly string[]): ReadonlySet<OnnxNode> {
    for (const name of wanted) if (!this.#isKnown(name)) throw notThere(name);
    const needed = new Set<OnnxNode>();
    const open = [...wanted];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      if (this.#given.has(name) || this.#writeConstant(name)) continue;
      const node = this.#producers.get(name);
      if (!node || needed.has(node) || this.#written.has(node)) continue;
      needed.add(node);
      for (const input of node.inputs) if (input !== '' && !this.#isKnown(input)) throw notThere(input);
      for (const taken of tensorsNamedIn(node)) open.push(taken);
    }
    return needed;
  }

  /** Whether it is a constant. */
  #writeConstant(name: string): boolean {
    const tensor = this.#network.initializers.get(name);
    if (!tensor || this.#written.has(name)) return tensor !== undefined;
    this.#written.add(name);
    const constant = { ...tensor, name: foreignTensor(name) };
    if (tensor.bytes.length >= MIN_PACKED_BYTES) this.#packer.addBytes(constant);
    else {
      this.#emitter.declare(constant.name);
      this.#emitter.constants.push({ ...constant, content: tensor.bytes });
    }
    return true;
  }
}

function notThere(name: string): AppError {
  return new AppError(
    'MODEL_INVALID',
    `the foreign network needs '${quoted(name)}', which it neither makes nor gets from the picture`,
  );
}
