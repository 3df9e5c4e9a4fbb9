// picomatch.d.ts: types for the small part of picomatch that finch uses; picomatch has no types of its own.

declare module 'picomatch' {
  interface Options {
    /** A leading `!` is part of the name. */
    readonly nonegate?: boolean;
  }
  function picomatch(glob: string, options?: Options): (name: string) => boolean;
  export default picomatch;
}
