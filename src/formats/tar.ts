// tar.ts: lists what is in a tar archive (ustar, pax and GNU), reading headers only: contents stay where they are in the file.
// Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar Format".

import { openBytes, type OpenedBytes } from '../objects/place.ts';
import { AppError } from '../util/errors.ts';
import { quoted } from '../util/quoted.ts';
import { blockReader } from '../util/read-exactly.ts';

const BLOCK = 512;
/** Systems take paths of 4 KiB. */
const MAX_NAME_BYTES = 64 * 1024;
/** A pax header is some lines; attributes of files can make it longer. */
const MAX_PAX_BYTES = 2 ** 20;

export interface TarMember {
  readonly name: string;
  /** Where its content begins in the archive, and how long it is, in bytes. */
  readonly offset: number;
  readonly bytes: number;
  /** `other`: folders and devices. A link's or a sparse file's content is not in one piece where the header says. */
  readonly kind: 'file' | 'link' | 'sparse' | 'other';
}

/** An archive that is open. */
export interface TarFile {
  /** Tells the archive from what it was at another time. */
  readonly etag: string;
  /** In the order of the archive. @throws AppError FILE_INVALID at the place where the archive is damaged or cut short */
  members(): AsyncGenerator<TarMember, void, undefined>;
  /** A small member's content. */
  read(member: TarMember): Promise<Buffer>;
  close(): Promise<void>;
}

/** @param file a path, or the address of an object. @throws AppError FILE_INVALID when it cannot be opened */
export async function openTar(file: string): Promise<TarFile> {
  const archive = await openBytes(file);
  return {
    etag: archive.etag,
    members: () => membersOf(archive),
    async read({ offset, bytes }) {
      const content = Buffer.alloc(bytes);
      await archive.read(content, offset);
      return content;
    },
    close: () => archive.close(),
  };
}

type Archive = OpenedBytes;

const invalid = ({ where }: Archive, problem: string) => new AppError('FILE_INVALID', `${where} ${problem}`);

async function* membersOf(archive: Archive): AsyncGenerator<TarMember, void, undefined> {
  const { size } = archive;
  const read = blockReader((target, at) => archive.read(target, at), size, archive.pieceBytes);
  const header = Buffer.alloc(BLOCK);
  // What headers of their own say about the member that follows them.
  let next: Extension = {};
  for (let at = 0; at < size;) {
    if (at + BLOCK > size) throw invalid(archive, `ends in the middle of a header, at byte ${size}: it was cut short, fetch it again`); // prettier-ignore
    await read(header, at);
    if (header.every((byte) => byte === 0)) return;
    checkHeader(archive, header, at);
    const type = String.fromCharCode(header[156]!);
    const offset = at + BLOCK;
    const isExtension = EXTENSIONS.has(type);
    const bytes = (isExtension ? undefined : next.bytes) ?? sizeOf(archive, header, at);
    const name = (isExtension ? undefined : next.name) ?? nameOf(header);
    if (offset + bytes > size) {
      throw invalid(archive, `ends in the middle of ${quoted(name)}, ${size - offset} of ${bytes} bytes are there: it was cut short, fetch it again`); // prettier-ignore
    }
    if (isExtension) Object.assign(next, await extensionOf(archive, { type, offset, bytes }));
    else {
      yield { name, offset, bytes, kind: next.isSparse || type === 'S' ? 'sparse' : kindOf(type, name) };
      next = {};
    }
    at = offset + Math.ceil(bytes / BLOCK) * BLOCK;
  }
}

interface Extension {
  readonly name?: string;
  readonly bytes?: number;
  readonly isSparse?: boolean;
}

/** Types of headers that tell of the next member (`g`: of all) and are none themselves. */
const EXTENSIONS: ReadonlySet<string> = new Set(['L', 'K', 'x', 'g']);

async function extensionOf(
  archive: Archive,
  { type, offset, bytes }: { readonly type: string; readonly offset: number; readonly bytes: number },
): Promise<Extension> {
  if (type === 'K' || type === 'g') return {};
  const limit = type === 'L' ? MAX_NAME_BYTES : MAX_PAX_BYTES;
  if (bytes > limit) throw invalid(archive, `has a header of ${bytes} bytes at byte ${offset}, expected at most ${limit}`); // prettier-ignore
  const content = Buffer.alloc(bytes);
  await archive.read(content, offset);
  return type === 'L' ? { name: untilNul(content) } : paxOf(archive, content, offset);
}

/** Records `LENGTH KEY=VALUE\n`. */
function paxOf(archive: Archive, content: Buffer, offset: number): Extension {
  const found: { name?: string; bytes?: number; isSparse?: boolean } = {};
  let sparseName: string | undefined;
  for (let at = 0; at < content.length && content[at] !== 0;) {
    const space = content.indexOf(0x20, at);
    const length = space < 0 ? NaN : Number(content.toString('latin1', at, space));
    const end = at + length;
    if (!(Number.isSafeInteger(length) && end > space + 1 && end <= content.length)) {
      throw invalid(archive, `has a pax header at byte ${offset} that is none`);
    }
    const record = content.toString('utf8', space + 1, end - 1);
    const equals = record.indexOf('=');
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (key === 'path') found.name = value;
    if (key === 'GNU.sparse.name') sparseName = value;
    if (key.startsWith('GNU.sparse')) found.isSparse = true;
    if (key === 'size') {
      if (!/^\d{1,15}$/.test(value)) throw invalid(archive, `has a pax header at byte ${offset} with the size ${quoted(value)}`); // prettier-ignore
      found.bytes = Number(value);
    }
    at = end;
  }
  // The path of a sparse file is made up, for who does not know such files.
  return sparseName === undefined ? found : { ...found, name: sparseName };
}

function kindOf(type: string, name: string): TarMember['kind'] {
  if (type === '1' || type === '2') return 'link';
  // Before ustar, a folder was a file whose name ends in a slash.
  const isFile = type === '0' || type === '\0' || type === '7';
  return isFile && !name.endsWith('/') ? 'file' : 'other';
}

/** How files of gzip, zstd, xz and bzip2 begin. */
const COMPRESSED = ['\x1f\x8b', '\x28\xb5\x2f\xfd', '\xfd7zXZ', 'BZh'];

/** The sum of a header's bytes, where those of the sum itself count as spaces. Some old programs took bytes for signed. */
function checkHeader(archive: Archive, header: Buffer, at: number): void {
  let [unsigned, signed] = [0, 0];
  for (const [i, byte] of header.entries()) {
    const counted = i >= 148 && i < 156 ? 0x20 : byte;
    unsigned += counted;
    signed += counted > 127 ? counted - 256 : counted;
  }
  const stored = Number.parseInt(untilNul(header.subarray(148, 156)).trim(), 8);
  if (stored === unsigned || stored === signed) return;
  if (at === 0 && COMPRESSED.some((magic) => header.indexOf(magic, 0, 'latin1') === 0)) throw invalid(archive, 'is compressed; unpack it first, such as with gunzip'); // prettier-ignore
  throw invalid(archive, at === 0 ? 'is no tar archive' : `is damaged: the header at byte ${at} is not as its sum says; fetch it again`); // prettier-ignore
}

/** Octal digits; a first bit that is set means a number in base 256. */
function sizeOf(archive: Archive, header: Buffer, at: number): number {
  const field = header.subarray(124, 136);
  let bytes: number;
  if (field[0]! & 0x80) {
    bytes = field[0]! & 0x7f;
    for (const byte of field.subarray(1)) bytes = bytes * 256 + byte;
  } else {
    const digits = untilNul(field).trim();
    bytes = digits === '' ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : NaN;
  }
  if (Number.isSafeInteger(bytes)) return bytes;
  throw invalid(archive, `is damaged: the header at byte ${at} has a size that is no number`);
}

function nameOf(header: Buffer): string {
  const name = untilNul(header.subarray(0, 100));
  // GNU's own format has times where ustar has the beginning of a long path.
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? untilNul(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}
