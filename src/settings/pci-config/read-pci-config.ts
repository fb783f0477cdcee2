import { readFile } from 'node:fs/promises';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import { comparePciAddress } from '../../ports/pci-address.js';
import { deepFreeze } from '../deep-freeze.js';
import type { Reading } from '../reading.js';
import type { Addressed } from './address-map-value.js';
import type { PciConfig, PhysicalFunctionConfig } from './pci-config.js';
import { documentKeys, type physicalFunctionKeys } from './pci-config-keys.js';
import { type RecordOf, record } from './record-value.js';
import { readYaml } from './yaml-document.js';

const longestText = 1024 * 1024;

function toPhysicalFunction(entry: Addressed<RecordOf<typeof physicalFunctionKeys>>): PhysicalFunctionConfig {
  const { numVFs, virtualFunctions, ...same } = entry.value;
  return {
    address: entry.address,
    ...same,
    tokenNames: same.serviceDomains.flatMap((domain) => same.capabilities.map((name) => `${domain}/${name}`)),
    numVfs: numVFs,
    virtualFunctions: virtualFunctions?.map(({ address }) => address).sort(comparePciAddress),
    where: entry.where,
  };
}

function failure(file: string, errors: readonly string[]): ForwarderError {
  return new ForwarderError('invalid', [`${file} is not usable:`, ...errors].join('\n  '));
}

/**
 * Reads the text of a `pci.config` (YAML 1.2, sriov-linux.md 2). Keys match in any letter case; a key nobody knows is
 * an error. The error lists everything that is wrong, each with file, line, column, value and rule. An empty text is
 * a configuration without PFs, and a warning.
 */
export function parsePciConfig(text: string, file: string): Reading<PciConfig> {
  if (text.length > longestText) {
    return { ok: false, error: failure(file, [`${file}: longer than ${longestText} characters`]), warnings: [] };
  }
  const { source, contents } = readYaml(text, file);
  const document = source.failed
    ? undefined
    : record(documentKeys).read(source.locate(contents, 'the file', 0), source);
  if (source.failed) return { ok: false, error: failure(file, source.errors), warnings: source.warnings };
  const physicalFunctions = (document?.physicalFunctions ?? []).map(toPhysicalFunction);
  return { ok: true, value: deepFreeze({ physicalFunctions }), warnings: source.warnings };
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}

function unreadable(file: string, cause: unknown): ForwarderError {
  if (codeOf(cause) === 'ERR_ENCODING_INVALID_ENCODED_DATA') return failure(file, [`${file}: not UTF-8 text`]);
  const { kind, message } = toForwarderError(cause);
  const wording = `cannot read ${file}, the file that NSM_SRIOV_CONFIG_FILE names: ${message}`;
  return new ForwarderError(codeOf(cause) === 'ENOENT' ? 'not-found' : kind, wording, { cause });
}

async function readText(file: string, signal: AbortSignal): Promise<string | ForwarderError> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file, { signal }));
  } catch (thrown) {
    return unreadable(file, thrown);
  }
}

/**
 * Reads the file as {@link parsePciConfig} does.
 *
 * Its errors are also `not-found` (no such file) and whatever else keeps it from being read.
 */
export async function readPciConfig(file: string, signal: AbortSignal): Promise<Reading<PciConfig>> {
  const text = await readText(file, signal);
  return typeof text === 'string' ? parsePciConfig(text, file) : { ok: false, error: text, warnings: [] };
}
