// quantization-facts.ts: what model.json says of a network that was tried with bytes. The numbers themselves are in quantization-file.ts.

import type { Quantization } from '../quantization/quantization.ts';
import { AppError } from '../util/errors.ts';
import type { FieldReader } from './json.ts';

/** What was found when the network was tried with bytes. */
export interface QuantizationFacts extends Pick<Quantization, 'bits'> {
  /** The file of the numbers. Absent where the network stays in float32, because bytes were slower or answered otherwise. */
  readonly file?: string;
  /** How ranges were chosen. */
  readonly method: string;
  /** Pictures that it was tried with. */
  readonly pictures: number;
  /** Share of them with the same most probable class as in float32, 0…1. */
  readonly agreement: number;
  /** Shares of right answers, where the pictures' classes were known. */
  readonly top1?: { readonly float32: number; readonly int8: number };
  /** Times as fast as float32, for one picture and for a batch. */
  readonly speed: { readonly one: number; readonly batch: number };
  readonly processor: string;
}

/** Named by its content, a new one never overwrites the one that the former model.json names. */
export const QUANTIZATION_NAME = /^int8-[0-9a-f]{16}\.safetensors$/;

/** @throws AppError MODEL_INVALID */
export function readQuantizationFacts(field: FieldReader): QuantizationFacts {
  const bits = field.number('bits');
  if (bits !== 7 && bits !== 8) {
    throw new AppError('MODEL_INVALID', `${field.where}.bits: expected 7 or 8, received ${bits}`);
  }
  const [top1, speed] = [field.has('top1') ? field.object('top1') : undefined, field.object('speed')];
  return {
    ...(field.has('file') && { file: field.string('file') }),
    bits,
    method: field.string('method'),
    pictures: field.number('pictures'),
    agreement: field.number('agreement'),
    ...(top1 && { top1: { float32: top1.number('float32'), int8: top1.number('int8') } }),
    speed: { one: speed.number('one'), batch: speed.number('batch') },
    processor: field.string('processor'),
  };
}
