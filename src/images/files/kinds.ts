// kinds.ts: recognises the kind of a file by its first bytes, not by its name. It decodes nothing.

/** Kinds that are decoded. */
export type PictureKind =
  'jpeg' | 'png' | 'gif' | 'webp' | 'tiff' | 'avif' | 'bmp' | 'netpbm' | 'svg' | 'svgz';

/** How many first bytes show the kind; a drawing's first tag may come after a long comment. */
export const HEAD_BYTES = 4096;

/** Brands of the ISO media file format, in `ftyp`: of AV1 pictures, and of HEVC pictures, which are under patents. */
const AVIF_BRANDS = new Set(['avif', 'avis']);
const HEIC_BRANDS = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs']);

/** Each kind with the bytes that it begins with, read as latin1. */
const SIGNATURES: readonly (readonly [PictureKind, RegExp])[] = [
  ['jpeg', /^\xff\xd8/],
  ['png', /^\x89PNG/],
  ['gif', /^GIF8[79]a/],
  ['webp', /^RIFF[^]{4}WEBP/],
  ['tiff', /^(II[\x2a\x2b]\0|MM\0[\x2a\x2b])/],
  ['bmp', /^BM[^]{4}[^]{4}[^]{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0/],
  ['netpbm', /^P[1-6][\s#]/],
];

/** Undefined for files that are not decoded; `foreignKind` recognises some of them. */
export function kindOf(bytes: Buffer): PictureKind | undefined {
  const head = bytes.toString('latin1', 0, 64);
  const known = SIGNATURES.find(([, signature]) => signature.test(head));
  if (known) return known[0];
  if (head.startsWith('\x1f\x8b')) return 'svgz';
  const brands = brandsOf(bytes);
  if (brands && isAvif(brands)) return 'avif';
  return isDrawing(bytes) ? 'svg' : undefined;
}

/** Some files say only that they are pictures; then the decoder finds out whether they are AV1. */
function isAvif(brands: readonly string[]): boolean {
  if (brands.some((brand) => AVIF_BRANDS.has(brand))) return true;
  return brands.includes('mif1') && !brands.some((brand) => HEIC_BRANDS.has(brand));
}

/** Whether this is a text whose first tag, after declarations and comments, is <svg>; UTF-8 or UTF-16. */
function isDrawing(bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, HEAD_BYTES).replace(/^(\xef\xbb\xbf|\xff\xfe|\xfe\xff)/, '');
  const text = head.slice(0, 4).includes('\0') ? head.replaceAll('\0', '') : head;
  return /^<([\w.-]+:)?svg[\s>/]/i.test(text.slice(beginOfFirstTag(text)));
}

/** How each thing that may stand before the first tag begins and ends. */
const PROLOGUE = [
  ['<?', '?>'],
  ['<!--', '-->'],
  ['<!', '>'],
] as const;

function beginOfFirstTag(text: string): number {
  for (let at = 0; ;) {
    while (at < text.length && text.charCodeAt(at) <= 0x20) at += 1;
    const found = PROLOGUE.find(([begin]) => text.startsWith(begin, at));
    if (!found) return at;
    // A DOCTYPE's own declarations are in brackets.
    const [bracket, plain] = [text.indexOf('[', at), text.indexOf(found[1], at + found[0].length)];
    const end = found[0] === '<!' && bracket >= 0 && bracket < plain ? text.indexOf('>', text.indexOf(']', bracket)) : plain; // prettier-ignore
    if (end < 0) return text.length;
    at = end + found[1].length;
  }
}

/** The major brand and those that it is compatible with. Source: ISO/IEC 14496-12, 4.3. */
function brandsOf(bytes: Buffer): readonly string[] | undefined {
  if (bytes.length < 16 || bytes.toString('latin1', 4, 8) !== 'ftyp') return undefined;
  const end = Math.min(bytes.readUInt32BE(0), bytes.length, 256);
  const brands = [bytes.toString('latin1', 8, 12)];
  for (let at = 16; at + 4 <= end; at += 4) brands.push(bytes.toString('latin1', at, at + 4));
  return brands;
}

/** Whether an AVIF is a film of pictures rather than one. */
export const isSequence = (bytes: Buffer) => brandsOf(bytes)?.[0] === 'avis';

/** Files that are recognised by their first bytes but not read as pictures, each with advice. */
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [/^BM/, 'BMP; convert it to PNG'],
  [/^(\0\0\0\x0cjP {2}\r\n\x87\n|\xff\x4f\xff\x51)/, 'JPEG 2000; convert it to PNG'],
  [/^(\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n)/, 'JPEG XL; convert it to PNG'],
  [/^8BPS/, 'a Photoshop file; export it as PNG'],
  [/^\0\0[\x01\x02]\0[^\0]\0/, 'an icon; convert it to PNG'],
  [/^(icns|DDS |qoif|\x01\xda[\0\x01][\x01\x02])/, 'a picture of a kind that is rare; convert it to PNG'],
  [/^P[F-f7]\s/, 'a PAM or PFM picture; convert it to PNG'],
  [/^%PDF/, 'a PDF; convert its pages to PNG'],
  [/^%!PS/, 'PostScript; convert it to PNG'],
  [/^\x76\x2f\x31\x01/, 'OpenEXR; convert it to PNG'],
  [/^(FUJIFILMCCD-RAW|IIRO|IIRS|IIU\0)/, 'a raw photo; develop it to JPEG'],
  [/^SIMPLE {2}=/, 'FITS; convert it to PNG'],
  [/^\x89HDF/, 'HDF5; no picture'],
  [/^PK\x03\x04/, 'a zip archive; unpack it'],
  [/^(\x1aE\xdf\xa3|RIFF[^]{4}AVI )/, 'a video; take pictures out of it'],
  [/^version https:\/\/git-lfs/, 'a git-lfs pointer; fetch the file itself with git lfs pull'],
  [/^\s*<(!doctype )?html/i, 'a web page'],
];

/** Describes, for a message, a file that `kindOf` does not know: `it looks like …`, or that it is unknown. */
export function foreignKind(bytes: Buffer): string {
  const brands = brandsOf(bytes);
  if (brands) {
    if (brands.some((brand) => HEIC_BRANDS.has(brand))) return 'it looks like HEIC; convert it to JPEG';
    if (brands.includes('crx ')) return 'it looks like a raw photo; develop it to JPEG';
    const isPicture = brands.includes('mif1') || brands.includes('msf1');
    return `it looks like ${isPicture ? 'HEIF; convert it to JPEG' : 'a video; take pictures out of it'}`;
  }
  const head = bytes.subarray(0, 512);
  if (head.every((byte) => byte === 0))
    return 'it begins with zeros alone: a copy was not finished, or the disk lost it';
  const known = FOREIGN.find(([signature]) => signature.test(head.toString('latin1')));
  if (known) return `it looks like ${known[1]}`;
  const isText = head.every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 255));
  return isText ? 'it looks like text' : 'its content is unknown';
}
