// torch-file.ts: checkpoints as torch.save would write them, made byte by byte, so that tests can also make what torch never would.

/** Opcodes of pickle's protocol 2, each as the bytes that leave one value on the stack. */
export const p = {
  raw: (text: string) => Buffer.from(text, 'latin1'),
  none: Buffer.from('N'),
  text: (value: string) => Buffer.concat([Buffer.from('X'), uint32(Buffer.byteLength(value)), Buffer.from(value)]), // prettier-ignore
  int: (value: number) => {
    const bytes = Buffer.alloc(10);
    bytes.write('\x8a\x08', 'latin1');
    bytes.writeBigInt64LE(BigInt(value), 2);
    return bytes;
  },
  float: (value: number) => {
    const bytes = Buffer.alloc(9, 'G');
    bytes.writeDoubleBE(value, 1);
    return bytes;
  },
  tuple: (...values: readonly Buffer[]) => Buffer.concat([p.raw('('), ...values, p.raw('t')]),
  list: (...values: readonly Buffer[]) => Buffer.concat([p.raw(']('), ...values, p.raw('e')]),
  dict: (...entries: readonly (readonly [string | Buffer, Buffer])[]) => filled(p.raw('}'), entries),
  global: (module: string, name: string) => p.raw(`c${module}\n${name}\n`),
  call: (module: string, name: string, ...args: readonly Buffer[]) =>
    Buffer.concat([p.global(module, name), p.tuple(...args), p.raw('R')]),
  /** An object with attributes: NEWOBJ, then BUILD. */
  object: (module: string, name: string, state: Buffer) =>
    Buffer.concat([p.global(module, name), p.raw(')\x81'), state, p.raw('b')]),
  /** A value, then its items. */
  filled: (value: Buffer, ...entries: readonly (readonly [string | Buffer, Buffer])[]) =>
    filled(value, entries),
  tensor: ({ key = '0', type = 'FloatStorage', count, offset = 0, shape, strides }: MadeTensor) =>
    p.call(
      'torch._utils',
      '_rebuild_tensor_v2',
      Buffer.concat([
        p.tuple(p.text('storage'), p.global('torch', type), p.text(key), p.text('cpu'), p.int(count)),
        p.raw('Q'),
      ]),
      p.int(offset),
      p.tuple(...shape.map(p.int)),
      p.tuple(...(strides ?? contiguous(shape)).map(p.int)),
      p.raw('\x89'),
      p.call('collections', 'OrderedDict'),
    ),
};

export interface MadeTensor {
  readonly key?: string;
  readonly type?: string;
  /** Numbers in its storage. */
  readonly count: number;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
}

function filled(value: Buffer, entries: readonly (readonly [string | Buffer, Buffer])[]): Buffer {
  const items = entries.flatMap(([key, item]) => [typeof key === 'string' ? p.text(key) : key, item]);
  return Buffer.concat([value, p.raw('('), ...items, p.raw('u')]);
}

function contiguous(shape: readonly number[]): readonly number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const PROTO = p.raw('\x80\x02');
const STOP = p.raw('.');

export type MadeStorages = readonly (readonly [key: string, bytes: Uint8Array])[];

/** The zip container around the opcodes of one value. */
export function torchZip(value: Buffer, storages: MadeStorages): Buffer {
  return storedZip([
    ['archive/data.pkl', Buffer.concat([PROTO, value, STOP])],
    ['archive/byteorder', Buffer.from('little')],
    ...storages.map(([key, bytes]) => [`archive/data/${key}`, bytes] as const),
    ['archive/version', Buffer.from('3\n')],
  ]);
}

/** The legacy container; `keys` are opcodes of the list of storages. */
export function torchLegacy(value: Buffer, storages: MadeStorages, itemBytes = 4, keys?: Buffer): Buffer {
  const pickle = (content: Buffer) => Buffer.concat([PROTO, content, STOP]);
  const magic = Buffer.from('8a0a6cfc9c46f9206aa85019', 'hex');
  const counted = storages.flatMap(([, bytes]) => {
    const count = Buffer.alloc(8);
    count.writeBigInt64LE(BigInt(bytes.length / itemBytes));
    return [count, bytes];
  });
  return Buffer.concat([
    pickle(magic),
    pickle(Buffer.from('M\xe9\x03', 'latin1')),
    pickle(p.dict(['little_endian', p.raw('\x88')])),
    pickle(value),
    pickle(keys ?? p.list(...storages.map(([key]) => p.text(key)))),
    ...counted,
  ]);
}

/** A zip archive without compression, as torch writes it. */
export function storedZip(entries: readonly (readonly [name: string, bytes: Uint8Array])[]): Buffer {
  const parts: Uint8Array[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, bytes] of entries) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(20, 4);
    local.writeUInt32LE(bytes.length, 18);
    local.writeUInt32LE(bytes.length, 22);
    local.writeUInt16LE(Buffer.byteLength(name), 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50);
    central.writeUInt16LE(20, 6);
    central.writeUInt32LE(bytes.length, 20);
    central.writeUInt32LE(bytes.length, 24);
    central.writeUInt16LE(Buffer.byteLength(name), 28);
    central.writeUInt32LE(at, 42);
    directory.push(Buffer.concat([central, Buffer.from(name)]));
    parts.push(local, Buffer.from(name), bytes);
    at += 30 + Buffer.byteLength(name) + bytes.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, list, end]);
}
