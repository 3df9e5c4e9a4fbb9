// attributes.ts: the attributes of a foreign node, each in the kind that its operator gives it.

import type { OnnxAttribute, OnnxNode, OnnxTensor } from '../../formats/onnx-model.ts';

type ValueOf<K extends OnnxAttribute['kind']> = Extract<OnnxAttribute, { readonly kind: K }>['value'];

/** Undefined where the node does not have it, or has another kind of it. */
function attributeOf<K extends OnnxAttribute['kind']>({ attributes }: OnnxNode, name: string, kind: K) {
  const found = attributes.get(name);
  return found?.kind === kind ? (found.value as ValueOf<K>) : undefined;
}

export const attribute = {
  int: (node: OnnxNode, name: string): number | undefined => attributeOf(node, name, 'int'),
  float: (node: OnnxNode, name: string): number | undefined => attributeOf(node, name, 'float'),
  ints: (node: OnnxNode, name: string) => attributeOf(node, name, 'ints') as readonly number[] | undefined,
  text: (node: OnnxNode, name: string): string | undefined => attributeOf(node, name, 'string'),
  tensor: (node: OnnxNode, name: string): OnnxTensor | undefined => attributeOf(node, name, 'tensor'),
};
