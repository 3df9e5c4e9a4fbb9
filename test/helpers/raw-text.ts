// raw-text.ts: what must not reach a terminal from a name.

/** All that a terminal would obey, but for line ends and the tabs between cells. */
export const RAW = /[^\P{Cc}\n\t]|[\p{Zl}\p{Zp}\p{Bidi_Control}]/u;
