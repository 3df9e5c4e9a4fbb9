// tar-file.ts: tar archives made for tests, member by member, right or wrong.

export interface MadeMember {
  readonly name: string;
  readonly content?: Uint8Array | string;
  /** `0` a file, `2` a link, `5` a folder, `x` a pax header, `L` a long name. */
  readonly type?: string;
  readonly prefix?: string;
}

const BLOCK = 512;

function madeMember({ name, content = '', type = '0', prefix = '' }: MadeMember): Buffer {
  const bytes = Buffer.from(content as Uint8Array);
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write(type, 156);
  header.write('ustar\x0000', 257, 'latin1');
  header.write(prefix, 345, 155);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
}

export function madeTar(members: readonly MadeMember[]): Buffer {
  return Buffer.concat([...members.map(madeMember), Buffer.alloc(2 * BLOCK)]);
}

/** The content of a pax header. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest) + 1;
  while (`${length}`.length + Buffer.byteLength(rest) !== length) length += 1;
  return `${length}${rest}`;
}
