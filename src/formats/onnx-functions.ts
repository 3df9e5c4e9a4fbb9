// onnx-functions.ts: operators that an ONNX file brings along, written out as functions of other operators: each call is replaced by the
// function's own nodes. Source: onnx/docs/IR.md of ONNX 1.19, "Functions", and the field numbers of onnx.proto.

import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import type { OnnxAttribute } from './onnx-attribute.ts';
import { plainDomain, type OnnxNode } from './onnx-graph.ts';
import { bytes, readFields, text } from './protobuf.ts';
import type { Budget } from './budget.ts';

/** How deep functions call each other: a model, a block, a layer and its parts are as deep as exporters go. */
const MAX_CALLS = 32;
/** What a node takes beside its names. */
export const NODE_BYTES = 600;
/** What a name takes beside its characters, and an attribute beside what it holds. */
const NAME_BYTES = 32;
const ATTRIBUTE_BYTES = 64;

/** What to do where a function cannot be taken apart here. */
export const INLINED =
  'export the network with its functions inlined, or use onnx.inliner.inline_local_functions of Python';

/** A node as the file has it. */
export interface ReadNode extends OnnxNode {
  /** Attributes that are those of a function's call, by their name there. Only nodes of a function have any. */
  readonly references: ReadonlyMap<string, string>;
  /** The function that it calls. */
  readonly calls?: string | undefined;
}

interface OnnxFunction {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly ReadNode[];
  /** Attributes where a call gives none. */
  readonly defaults: ReadonlyMap<string, OnnxAttribute>;
}

/** How the parts of a function are read. */
export interface PartReaders {
  node(message: Uint8Array): ReadNode;
  attribute(message: Uint8Array): readonly [name: string, attribute: OnnxAttribute];
  opset(message: Uint8Array): readonly [domain: string, version: number];
}

export const functionKey = (domain: string, op: string, overload: string): string =>
  JSON.stringify([domain, op, overload]);

/** A model's functions. Each is read when it is called first. */
export class Functions {
  readonly #file: string;
  readonly #budget: Budget;
  readonly #opsets: ReadonlyMap<string, number>;
  readonly #messages = new Map<string, Uint8Array>();
  readonly #read = new Map<string, OnnxFunction>();
  #calls = 0;

  constructor(file: string, budget: Budget, opsets: ReadonlyMap<string, number>) {
    this.#file = file;
    this.#budget = budget;
    this.#opsets = opsets;
  }

  /** @param message onnx.FunctionProto */
  add(message: Uint8Array): void {
    let [name, domain, overload] = ['', '', ''];
    readFields(message, this.#budget, {
      1: text((value) => (name = value)),
      10: text((value) => (domain = plainDomain(value))),
      13: text((value) => (overload = value)),
    });
    const key = functionKey(domain, name, overload);
    if (this.#messages.has(key)) throw this.#refuse('FILE_INVALID', `has two functions '${quoted(name, 60)}' of '${quoted(domain, 60)}'`); // prettier-ignore
    this.#messages.set(key, message);
  }

  has(key: string): boolean {
    return this.#messages.has(key);
  }

  /**
   * What a node stands for: itself, or the nodes of the function that it calls. Their names are new ones but for the call's inputs and outputs.
   * @throws AppError FILE_INVALID, MODEL_UNSUPPORTED
   */
  inlined({ calls, references: _, ...call }: ReadNode, read: PartReaders, depth = 0): readonly OnnxNode[] {
    if (calls === undefined) return [call];
    if (depth > MAX_CALLS) throw this.#refuse('FILE_INVALID', `has functions that call functions, more than ${MAX_CALLS} deep`); // prettier-ignore
    const { inputs, outputs, nodes, defaults } = this.#of(calls, read);
    if (call.inputs.length > inputs.length || call.outputs.length > outputs.length) {
      throw this.#refuse('FILE_INVALID', `calls '${quoted(call.op, 60)}' with ${call.inputs.length} inputs and ${call.outputs.length} outputs, expected at most ${inputs.length} and ${outputs.length}`); // prettier-ignore
    }
    const prefix = `#call.${this.#calls++}/`;
    this.#budget.steps(1 + inputs.length + outputs.length);
    const names = new Map([['', '']]);
    inputs.forEach((name, i) => names.set(name, call.inputs[i] ?? ''));
    const handed: OnnxNode[] = [];
    outputs.forEach((name, i) => {
      const wanted = call.outputs[i] ?? '';
      if (wanted === '') return;
      // An output that is an input too, or is there twice already.
      if (!names.has(name)) names.set(name, wanted);
      else {
        this.#budget.bytes(NODE_BYTES);
        handed.push({ op: 'Identity', domain: '', name: '', inputs: [names.get(name)!], outputs: [wanted], attributes: new Map() }); // prettier-ignore
      }
    });
    const renamed = (name: string) => names.get(name) ?? prefix + name;
    const all = nodes.flatMap((node) => {
      this.#charge(node, prefix);
      const attributes = new Map(node.attributes);
      for (const [name, from] of node.references) {
        const value = call.attributes.get(from) ?? defaults.get(from);
        if (value) attributes.set(name, value);
      }
      const [inputs, outputs] = [node.inputs.map(renamed), node.outputs.map(renamed)];
      // Two nodes may not have one name: a function that is called twice has each of its nodes twice.
      return this.inlined({ ...node, name: '', inputs, outputs, attributes }, read, depth + 1);
    });
    return [...all, ...handed];
  }

  /** What a copy of a function's node costs. */
  #charge({ inputs, outputs, attributes, references }: ReadNode, prefix: string): void {
    this.#budget.steps(1 + inputs.length + outputs.length + attributes.size + references.size);
    this.#budget.bytes(NODE_BYTES + ATTRIBUTE_BYTES * (attributes.size + references.size));
    for (const names of [inputs, outputs]) {
      for (const name of names) this.#budget.bytes(NAME_BYTES + 2 * (prefix.length + name.length));
    }
  }

  #of(key: string, read: PartReaders): OnnxFunction {
    const known = this.#read.get(key);
    if (known) return known;
    const inputs: string[] = [];
    const outputs: string[] = [];
    const nodes: ReadNode[] = [];
    const defaults = new Map<string, OnnxAttribute>();
    readFields(this.#messages.get(key)!, this.#budget, {
      4: text((name) => inputs.push(name)),
      5: text((name) => outputs.push(name)),
      7: bytes((message) => nodes.push(read.node(message))),
      9: bytes((message) => {
        const [domain, version] = read.opset(message);
        const known = this.#opsets.get(domain);
        if (known !== undefined && known !== version) {
          throw this.#refuse('MODEL_UNSUPPORTED', `has a function of opset ${version} in a network of opset ${known}; ${INLINED}`); // prettier-ignore
        }
      }),
      11: bytes((message) => defaults.set(...read.attribute(message))),
    });
    const made = { inputs, outputs, nodes, defaults };
    this.#read.set(key, made);
    return made;
  }

  #refuse(code: 'FILE_INVALID' | 'MODEL_UNSUPPORTED', problem: string): AppError {
    return new AppError(code, `${this.#file} ${problem}`);
  }
}
