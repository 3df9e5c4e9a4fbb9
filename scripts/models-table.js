// models-table.js: writes the table of all networks in docs/models.md from models/published.json and bench/results/zoo.csv.
// `--check` writes nothing and fails where the page has another table; a test runs that.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { buildIfStale } from './stale.js';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const PAGE = path.join(root, 'docs', 'models.md');
const [BEGIN, END] = ['<!-- table -->\n', '<!-- end of table -->'];

await buildIfStale();
const { publishedRecords } = await import('../dist/src/zoo/published.js');
const { findArchitecture } = await import('../dist/src/zoo/architectures.js');
const { allWeightShapes } = await import('../dist/src/graph/cost.js');

/** Milliseconds a picture by `NETWORK at SIZE, batch N`. */
const costs = new Map(
  parse(readFileSync(path.join(root, 'bench', 'results', 'zoo.csv'), 'utf8'), { columns: true }).map(
    ({ measure, finch }) => [measure, finch],
  ),
);

const COLUMNS = ['family', 'name', 'pixels', 'top-1 %', 'parameters', 'multiply-adds', 'MB', 'licence'];
const HEADER = costs.size > 0 ? [...COLUMNS, 'ms alone', 'ms of 8'] : COLUMNS;

const bytes = new Map();

/** What all weights take as float32, in megabytes. */
function megabytes(architecture) {
  if (!bytes.has(architecture)) {
    const shapes = [...allWeightShapes(findArchitecture(architecture).build(1000)).values()];
    bytes.set(architecture, 4 * shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0));
  }
  const size = bytes.get(architecture) / 1e6;
  return size < 10 ? size.toFixed(1) : size.toFixed(0);
}

function rowOf(
  { name, architecture, family, preprocessing: { size }, parameters, multiplyAdds, top1, licence },
  before,
) {
  const cost = (count) => costs.get(`${architecture} at ${size}, batch ${count}`) ?? '';
  const cells = [
    before?.family === family ? '' : family,
    `\`${name}\``,
    size,
    top1?.toFixed(2) ?? '',
    `${(parameters / 1e6).toFixed(1)} M`,
    `${(multiplyAdds / 1e9).toFixed(2)} G`,
    megabytes(architecture),
    licence.replace(/;.*/, ''),
  ];
  return costs.size > 0 ? [...cells, cost(1), cost(8)] : cells;
}

const records = publishedRecords();
const line = (cells) => `| ${cells.join(' | ')} |\n`;
const rule = HEADER.map((name) => (['family', 'name', 'licence'].includes(name) ? '---' : '---:'));
const table = [HEADER, rule, ...records.map((record, i) => rowOf(record, records[i - 1]))].map(line).join('');

const page = readFileSync(PAGE, 'utf8');
const [from, to] = [page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)];
/** Tables are the same whatever spaces and dashes a formatter fills their columns with. */
const cells = (text) => text.replaceAll(/ +/g, ' ').replaceAll(/-{2,}/g, '---').trim();
if (cells(page.slice(from, to)) !== cells(table)) {
  if (process.argv.includes('--check')) {
    console.error(
      'docs/models.md: the table is not that of models/published.json and bench/results/zoo.csv; run: node scripts/models-table.js',
    );
    process.exit(1);
  }
  const { default: prettier } = await import('prettier');
  const options = { ...(await prettier.resolveConfig(PAGE)), filepath: PAGE };
  writeFileSync(PAGE, await prettier.format(`${page.slice(0, from)}\n${table}\n${page.slice(to)}`, options));
}
