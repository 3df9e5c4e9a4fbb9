// network-type.ts: what is known of one `model_type` of the transformers library: the fields of its config.json that shape the network,
// the graph of them, and how the library names the weights.

import * as z from 'zod';
import type { ActivationName, Graph } from '../../graph/layers.ts';
import { checkedAs } from '../../util/checked.ts';
import { asModules, type Architecture } from '../record.ts';
import { findArchitecture } from '../architectures.ts';
import { renamedBy, type Rule } from '../renamed.ts';

/** A network as a config.json describes it, and its name. */
export interface DescribedNetwork {
  readonly name: string;
  /** The zoo's name of the same network, where it has it. */
  readonly known?: string;
  readonly network: Architecture;
}

/** @param file what messages call the config. @throws AppError FILE_INVALID where finch cannot build the network */
export type ReadNetwork = (config: unknown, file: string) => DescribedNetwork;

interface NetworkType<Schema extends z.ZodType> {
  readonly type: string;
  readonly config: Schema;
  readonly build: (config: z.output<Schema>, classes: number) => Graph;
  readonly classifier: string;
  /** From the graph's names to the library's. */
  readonly rules: readonly Rule[];
  /** Names of the networks in the zoo that it can be equal to. */
  readonly known?: readonly string[];
}

export function networkType<Schema extends z.ZodType>(of: NetworkType<Schema>): ReadNetwork {
  const naming = renamedBy(of.rules);
  return (json, file) => {
    const config = checkedAs(of.config, json, {
      file,
      writer: 'transformers',
      advice: 'finch builds no other',
    });
    const build = (classes: number) => of.build(config, classes);
    const layers = JSON.stringify(build(1).layers);
    const known = of.known?.find((name) => JSON.stringify(findArchitecture(name).build(1).layers) === layers);
    const network: Architecture = { build, classifier: of.classifier, namings: [asModules, naming] };
    return { name: known ?? of.type, network, ...(known !== undefined && { known }) };
  };
}

/** No network has wider layers, more blocks in a stage, or more stages. Without these limits a hostile config could take all memory. */
const MAX_WIDTH = 16_384;
export const MAX_DEPTH = 256;
const MAX_STAGES = 32;

export const width = z.int().min(1).max(MAX_WIDTH);
export const depth = z.int().min(1).max(MAX_DEPTH);
export const perStage = <Item extends z.ZodType>(item: Item) => z.array(item).min(1).max(MAX_STAGES);
/** A factor of widths or depths. */
export const factor = z.number().gt(0).max(64);
export const epsilon = z.number().gt(0).max(1);
export const share = z.number().min(0).max(1);

/** Every type's pictures have three channels. */
export const pictures = { num_channels: z.literal(3).default(3) };

/** The library's names of activations that finch has. */
const ACTIVATIONS = {
  relu: 'relu',
  relu6: 'relu6',
  gelu: 'gelu',
  silu: 'swish',
  swish: 'swish',
  hardswish: 'hardSwish',
  sigmoid: 'sigmoid',
  tanh: 'tanh',
  linear: 'linear',
} as const satisfies Readonly<Record<string, ActivationName>>;
type Activation = keyof typeof ACTIVATIONS;

export const activation = (usual: Activation) =>
  z
    .enum(Object.keys(ACTIVATIONS) as [Activation, ...Activation[]])
    .default(usual)
    .transform((name): ActivationName => ACTIVATIONS[name]);
