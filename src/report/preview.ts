// preview.ts: the page of `--preview-augment`: for each picture what the network sees without and with augmentation.

import { htmlPage } from './page.ts';
import { contactSheet, heading, PARTS_STYLE, section, type Tile } from './parts.ts';

export interface PreviewRow {
  readonly title: string;
  /** First the picture as it is, then its views. */
  readonly tiles: readonly Tile[];
}

/** @param about what is done to the pictures, in words */
export function previewPage(title: string, about: string, rows: readonly PreviewRow[]): string {
  const sections = rows.map((row) => section(row.title, contactSheet(row.tiles)));
  return htmlPage(title, PARTS_STYLE, [heading(title, about), ...sections].join('\n'));
}
