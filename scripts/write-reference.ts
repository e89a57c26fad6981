/**
 * Writes `docs/reference.md` from the doc comments.
 *
 *   node scripts/write-reference.ts [--check]      only says whether it is as it should be
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { referencePage } from './reference-page.ts';

const path = 'docs/reference.md';
const page = referencePage();
if (!process.argv.includes('--check')) writeFileSync(path, page);
else if (readFileSync(path, 'utf8') !== page) {
  console.error(`${path} is not what the doc comments say: run npm run docs`);
  process.exitCode = 1;
}
