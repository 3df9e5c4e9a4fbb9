// fonts.d.ts: type declarations of the functions used from the font libraries, which have no types of their own.

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
  }
  export type PathCommand =
    | { readonly type: 'M' | 'L'; readonly x: number; readonly y: number }
    | { readonly type: 'Q'; readonly x1: number; readonly y1: number; readonly x: number; readonly y: number }
    | {
        readonly type: 'C';
        readonly x1: number;
        readonly y1: number;
        readonly x2: number;
        readonly y2: number;
        readonly x: number;
        readonly y: number;
      }
    | { readonly type: 'Z' };
  export interface Font {
    readonly variation: {
      /** Values of a variable font's axes, for what is drawn from then on. */
      set(axes: Readonly<Record<string, number>>): void;
    };
    getAdvanceWidth(text: string, size: number, options: RenderOptions): number;
    getPath(
      text: string,
      x: number,
      y: number,
      size: number,
      options: RenderOptions,
    ): { readonly commands: readonly PathCommand[] };
  }
  const opentype: { parse(font: ArrayBuffer): Font };
  export default opentype;
}
