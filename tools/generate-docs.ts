/**
 * Writes the files that follow from the settings tables: `tsx tools/generate-docs.ts`. A test compares them, so there is
 * no `--check`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { renderAll } from '../src/settings/render-documentation.js';

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

for (const { path, text } of renderAll((path) => readFileSync(at(path), 'utf8'))) writeFileSync(at(path), text);
