import type { JsonSchema } from './config-value.js';
import { documentKeys } from './pci-config-keys.js';
import { record } from './record-value.js';

/**
 * A JSON Schema of `pci.config` for editors, from the reader's own table. It cannot say everything the reader knows:
 * the reader also takes keys in other letter cases, and finds functions that are listed twice.
 */
export function pciConfigSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'pci.config of the SR-IOV forwarder for Network Service Mesh',
    ...record(documentKeys).schema,
  };
}
