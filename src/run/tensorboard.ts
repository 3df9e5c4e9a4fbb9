// tensorboard.ts: a run's curves and pictures as TensorBoard reads them: a file of records, each a protobuf message (event.proto,
// summary.proto of TensorFlow) with its length and two checksums (TFRecord). Records are added at the end: TensorBoard follows a file that grows.

import { open, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { makeFolder, writeFailed } from '../util/files.ts';

/** A picture of a record. */
export interface EventPicture {
  readonly tag: string;
  readonly width: number;
  readonly height: number;
  /** JPEG or PNG. */
  readonly bytes: Uint8Array;
}

export interface EventFile {
  scalars(step: number, values: Readonly<Record<string, number | undefined>>): Promise<void>;
  pictures(step: number, pictures: readonly EventPicture[]): Promise<void>;
  close(): Promise<void>;
}

/** Numbers of the fields of Event, Summary, Summary.Value and Summary.Image. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const;
const VALUE = { tag: 1, simpleValue: 2, image: 4 } as const;
const IMAGE = { height: 1, width: 2, colorspace: 3, bytes: 4 } as const;
const RGB = 3;

/** @param folder of the run: the file lies in its folder `tensorboard`. @throws AppError WRITE_FAILED */
export async function openEventFile(folder: string): Promise<EventFile> {
  const at = path.join(folder, 'tensorboard');
  await makeFolder(at);
  const file = path.join(
    at,
    `events.out.tfevents.${Math.floor(Date.now() / 1000)}.${hostname()}.${process.pid}.finch`,
  );
  const failed = (error: unknown) => {
    throw writeFailed(file, error);
  };
  const handle: FileHandle = await open(file, 'a').catch(failed);
  const add = async (write: (event: BinaryWriter) => void) => {
    const event = new BinaryWriter();
    event.tag(EVENT.wallTime, WireType.Bit64).double(Date.now() / 1000);
    write(event);
    await handle.appendFile(record(event.finish())).catch(failed);
  };
  const summary = (step: number, write: (summary: BinaryWriter) => void) =>
    add((event) => {
      event.tag(EVENT.step, WireType.Varint).int64(step);
      event.tag(EVENT.summary, WireType.LengthDelimited).fork();
      write(event);
      event.join();
    });
  await add((event) => event.tag(EVENT.fileVersion, WireType.LengthDelimited).string('brain.Event:2'));
  return {
    scalars: (step, values) =>
      summary(step, (writer) => {
        for (const [tag, value] of Object.entries(values)) {
          if (value === undefined) continue;
          writer.tag(1, WireType.LengthDelimited).fork();
          writer.tag(VALUE.tag, WireType.LengthDelimited).string(tag);
          writer.tag(VALUE.simpleValue, WireType.Bit32).float(value);
          writer.join();
        }
      }),
    async pictures(step, pictures) {
      for (const { tag, width, height, bytes } of pictures) {
        await summary(step, (writer) => {
          writer.tag(1, WireType.LengthDelimited).fork();
          writer.tag(VALUE.tag, WireType.LengthDelimited).string(tag);
          writer.tag(VALUE.image, WireType.LengthDelimited).fork();
          writer.tag(IMAGE.height, WireType.Varint).int32(height);
          writer.tag(IMAGE.width, WireType.Varint).int32(width);
          writer.tag(IMAGE.colorspace, WireType.Varint).int32(RGB);
          writer.tag(IMAGE.bytes, WireType.LengthDelimited).bytes(bytes);
          writer.join();
          writer.join();
        });
      }
    },
    close: () => handle.close(),
  };
}

/** Length, its checksum, the bytes, their checksum; all little-endian. */
function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + 4 + data.length + 4);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(crc32c(bytes.subarray(0, 8))), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, masked(crc32c(data)), true);
  return bytes;
}

/** TFRecord stores checksums changed, because the checksum of bytes that hold their own checksum is always the same. */
const masked = (crc: number) => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

/** The polynomial of Castagnoli (1993), its bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
