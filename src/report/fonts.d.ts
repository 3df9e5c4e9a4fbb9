// fonts.d.ts: declarations of the little that is used of the font libraries, which bring none.

declare module 'wawoff2' {
  const wawoff2: {
    /** WOFF2 -> TrueType. */
    decompress(font: Uint8Array): Promise<Uint8Array>;
  };
  export default wawoff2;
}

declare module 'opentype.js' {
  interface RenderOptions {
    readonly kerning: boolean;
    /** Values of a variable font's axes. */
    readonly variation: Readonly<Record<string, number>>;
  }
  export interface Font {
    getAdvanceWidth(text: string, size: number, options: RenderOptions): number;
    getPath(text: string, x: number, y: number, size: number, options: RenderOptions): { toPathData(decimals: number): string };
  }
  const opentype: { parse(font: ArrayBuffer): Font };
  export default opentype;
}
