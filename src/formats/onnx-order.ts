// onnx-order.ts: the nodes of an ONNX graph in an order in which they can be computed, whatever order the file has.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import type { OnnxNode } from './onnx-graph.ts';

interface Waiting {
  readonly node: OnnxNode;
  /** All inputs before this one are there. */
  readonly from: number;
}

/**
 * Nodes in an order in which each takes what is there before it: most files have it, those of float16 converters put casts at the end. Each
 * makes what nothing else makes, so that no graph runs in a circle.
 */
export class SortedNodes {
  readonly #nodes: OnnxNode[] = [];
  readonly #known: Set<string>;
  readonly #file: string;
  /** Nodes by the first of their inputs that is not there yet. */
  readonly #waiting = new Map<string, Waiting[]>();

  /** @param known what is there before the first node; what the nodes make is added */
  constructor(known: Set<string>, file: string) {
    this.#known = known;
    this.#file = file;
  }

  /** @throws AppError FILE_INVALID where it makes what is there already */
  add(added: OnnxNode): void {
    const ready: Waiting[] = [{ node: added, from: 0 }];
    for (let next = ready.pop(); next; next = ready.pop()) {
      const { node, from } = next;
      let missing = from;
      while (missing < node.inputs.length && this.#has(node.inputs[missing]!)) missing++;
      const name = node.inputs[missing];
      if (name !== undefined) {
        const waiting = this.#waiting.get(name);
        if (waiting) waiting.push({ node, from: missing });
        else this.#waiting.set(name, [{ node, from: missing }]);
        continue;
      }
      this.#nodes.push(node);
      for (const name of node.outputs) {
        if (name === '') continue;
        if (this.#known.has(name)) throw this.#refuse(node, `makes '${quoted(name)}', which is there already`); // prettier-ignore
        this.#known.add(name);
        for (const waiting of this.#waiting.get(name)?.toReversed() ?? []) ready.push(waiting);
        this.#waiting.delete(name);
      }
    }
  }

  /** @throws AppError FILE_INVALID where a node takes what none makes, or what is made of its own output */
  whole(): readonly OnnxNode[] {
    const [first] = this.#waiting;
    if (first) throw this.#refuse(first[1][0]!.node, `takes '${quoted(first[0])}', which nothing before it makes`); // prettier-ignore
    return this.#nodes;
  }

  #has(name: string): boolean {
    return name === '' || this.#known.has(name);
  }

  #refuse({ op }: OnnxNode, problem: string): AppError {
    return new AppError('FILE_INVALID', `${this.#file}: a node '${quoted(op)}' ${problem}`);
  }
}
