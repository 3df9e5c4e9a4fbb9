// moving.ts: the tensors that a training step updates, and where they lie between steps. In this process they have one or
// two buffers that swap, and the runtime reads and writes them directly. On a WebGPU device they stay there, and a step returns new ones.

import type { Device } from '../engine.ts';
import type { Shape } from '../../util/shape.ts';
import { newName } from './lower-training.ts';
import { encodeModel } from '../../formats/onnx-writer.ts';
import { sessionOptions, type Runtime, type Session } from './runtime.ts';

export type OnnxTensor = InstanceType<Runtime['Tensor']>;
type Direction = 'up' | 'down';
export type Answers = Readonly<Record<string, OnnxTensor>>;

export interface MovingTensors {
  /** Whether a step's outputs are only written to the tensors of `fetches`: see `runInPlace`. */
  readonly inPlace: boolean;
  /** Whether a step's session has to keep the updated tensors on the device. */
  readonly staysOnDevice: boolean;
  /** @param hasOneBuffer whether a step writes the new value only when nothing reads the old one any more */
  set(name: string, data: Float32Array, shape: Shape, hasOneBuffer?: boolean): void;
  clear(name: string): void;
  /** The tensors that a step reads. */
  feeds(): Promise<Answers>;
  /** The tensors that a step writes the new values of `names` to; null where the device chooses the place. */
  fetches(names: readonly string[]): Record<string, OnnxTensor | null>;
  /** Replaces the old tensors by the new ones of a step. */
  accept(names: readonly string[], answers: Answers): void;
  /** Drops the new tensors of a step. */
  discard(names: readonly string[], answers: Answers): void;
  /** The numbers as they are now; valid until the next step. */
  read(name: string): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** onnxruntime-node keeps tensors on the device only for WebGPU. All other devices exchange them with this process. */
export function createMovingTensors(runtime: Runtime, device: Device): MovingTensors {
  return device === 'webgpu' ? new DeviceTensors(runtime) : new HostTensors(runtime, device === 'cpu');
}

class HostTensors implements MovingTensors {
  readonly staysOnDevice = false;
  readonly inPlace: boolean;
  readonly #runtime: Runtime;
  readonly #pairs = new Map<string, { readonly front: OnnxTensor; readonly back: OnnxTensor }>();

  constructor(runtime: Runtime, inPlace: boolean) {
    this.#runtime = runtime;
    this.inPlace = inPlace;
  }

  set(name: string, data: Float32Array, shape: Shape, hasOneBuffer = false): void {
    const { Tensor } = this.#runtime;
    const known = this.#pairs.get(name);
    if (known) {
      (known.front.data as Float32Array).set(data);
      return;
    }
    const front = new Tensor('float32', data, shape);
    const isOne = hasOneBuffer && this.inPlace;
    const back = isOne ? front : new Tensor('float32', new Float32Array(data.length), shape);
    this.#pairs.set(name, { front, back });
  }

  clear(name: string): void {
    (this.#pairs.get(name)!.front.data as Float32Array).fill(0);
  }

  async feeds(): Promise<Answers> {
    return Object.fromEntries([...this.#pairs].map(([name, { front }]) => [name, front]));
  }

  fetches(names: readonly string[]): Record<string, OnnxTensor> {
    return Object.fromEntries(names.map((name) => [newName(name), this.#pairs.get(name)!.back]));
  }

  accept(names: readonly string[]): void {
    for (const name of names) {
      const { front, back } = this.#pairs.get(name)!;
      this.#pairs.set(name, { front: back, back: front });
    }
  }

  discard(): void {
    // The next step overwrites the new weights. What has one buffer is lost: nobody goes on from a step that diverged.
  }

  async read(name: string): Promise<Float32Array> {
    return this.#pairs.get(name)!.front.data as Float32Array;
  }

  async dispose(): Promise<void> {
    this.#pairs.clear();
  }
}

/**
 * The binding moves data only as a part of a run (`getData` of a device's tensor ends the process). Uploads and downloads
 * therefore use sessions of one Identity. All sessions of a process share the device, so outputs of one can be inputs of another.
 */
class DeviceTensors implements MovingTensors {
  readonly inPlace = false;
  readonly staysOnDevice = true;
  readonly #runtime: Runtime;
  readonly #tensors = new Map<string, OnnxTensor>();
  /** The sessions of one Identity, by direction and rank. */
  readonly #copiers = new Map<string, Session>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  set(name: string, data: Float32Array, shape: Shape): void {
    this.#replace(name, new this.#runtime.Tensor('float32', data, shape));
  }

  clear(name: string): void {
    const { size, dims } = this.#tensors.get(name)!;
    this.set(name, new Float32Array(size), dims);
  }

  async feeds(): Promise<Answers> {
    for (const [name, tensor] of this.#tensors) {
      if (tensor.location === 'cpu') this.#replace(name, await this.#copy('up', tensor));
    }
    return Object.fromEntries(this.#tensors);
  }

  fetches(names: readonly string[]): Record<string, null> {
    return Object.fromEntries(names.map((name) => [newName(name), null]));
  }

  accept(names: readonly string[], answers: Answers): void {
    for (const name of names) this.#replace(name, answers[newName(name)]!);
  }

  discard(names: readonly string[], answers: Answers): void {
    for (const name of names) answers[newName(name)]!.dispose();
  }

  async read(name: string): Promise<Float32Array> {
    const tensor = this.#tensors.get(name)!;
    const here = tensor.location === 'cpu' ? tensor : await this.#copy('down', tensor);
    return here.data as Float32Array;
  }

  async dispose(): Promise<void> {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
    for (const session of this.#copiers.values()) await session.release();
    this.#copiers.clear();
  }

  #replace(name: string, tensor: OnnxTensor): void {
    this.#tensors.get(name)?.dispose();
    this.#tensors.set(name, tensor);
  }

  async #copy(direction: Direction, tensor: OnnxTensor): Promise<OnnxTensor> {
    const rank = tensor.dims.length;
    const key = `${direction} ${rank}`;
    const copier = this.#copiers.get(key) ?? (await makeCopier(this.#runtime, direction, rank));
    this.#copiers.set(key, copier);
    const { to } = await copier.run({ from: tensor });
    return to!;
  }
}

function makeCopier({ InferenceSession }: Runtime, direction: Direction, rank: number): Promise<Session> {
  const any = (name: string) =>
    ({ name, type: 'float32', shape: Array.from({ length: rank }, (_, axis) => `d${axis}`) }) as const;
  const model = encodeModel({
    name: direction,
    nodes: [{ op: 'Identity', inputs: ['from'], outputs: ['to'] }],
    initializers: [],
    inputs: [any('from')],
    outputs: [any('to')],
  });
  const stays = direction === 'up' ? ['to'] : [];
  return InferenceSession.create(
    model,
    sessionOptions({ device: 'webgpu', threads: 1, constants: new Uint8Array(), trains: false, stays }),
  );
}
