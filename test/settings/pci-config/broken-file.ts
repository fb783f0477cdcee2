import { expect } from 'chai';
import { ForwarderError } from '../../../src/ports/error.js';
import { parsePciConfig } from '../../../src/settings/pci-config/read-pci-config.js';

/** The lines of the error below its heading, without the file's name. */
export function errorsOf(text: string): readonly string[] {
  const reading = parsePciConfig(text, 'pci.config');
  if (reading.ok) return [];
  expect(reading.error).to.be.instanceOf(ForwarderError);
  expect(reading.error.kind).to.equal('invalid');
  return reading.error.message
    .split('\n  ')
    .slice(1)
    .map((line) => line.replace(/^pci\.config:/, ''));
}

const right: Readonly<Record<string, string | undefined>> = {
  pfKernelDriver: 'pf-driver',
  vfKernelDriver: 'vf-driver',
  capabilities: '[intel, 10G]',
  serviceDomains: '[service.domain.1]',
};

/** A file with one PF; its keys stand in lines 3 and following, from column 5. */
export function withPf(change: Readonly<Record<string, string | undefined>>, address = '0000:01:00.0'): string {
  const keys = Object.entries({ ...right, ...change }).filter(([, value]) => value !== undefined);
  return [`physicalFunctions:`, `  ${address}:`, ...keys.map(([key, value]) => `    ${key}: ${value}`)].join('\n');
}
