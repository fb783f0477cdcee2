import { broken, type Parsed, valid } from '../parsed.js';
import {
  capabilityPattern,
  longestResourceNameParts,
  parseCapability,
  parseServiceDomain,
  serviceDomainPattern,
} from '../resource-name.js';
import type { ConfigSource, Located } from './config-source.js';
import type { ConfigValue } from './config-value.js';
import { scalar } from './scalar-value.js';

/** TotalVFs of the SR-IOV capability has 16 bits. */
const mostVfs = 65_535;

/** A driver is a directory below the drivers' directory: its name must not lead anywhere else. */
const driverPattern = '^(?!\\.{1,2}$)[^/\\s\\u0000-\\u001f\\u007f]{1,255}$';

function parseDriver(text: string): Parsed<string> {
  return new RegExp(driverPattern, 'u').test(text)
    ? valid(text)
    : broken('must be the name of a driver: not empty, no "/", no white space, not "." or ".."');
}

function parseVfCount(text: string): Parsed<number> {
  const count = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  return count > 0 && count <= mostVfs ? valid(count) : broken(`must be a whole number from 1 to ${mostVfs}`);
}

export const driverName = scalar('driver name', parseDriver, { type: 'string', pattern: driverPattern });

/** Schema readers take an unquoted `40` for a number; here every scalar is text. */
const textOrNumber = ['string', 'number'];

export const capability = scalar('capability', parseCapability, {
  type: textOrNumber,
  pattern: capabilityPattern,
  maxLength: longestResourceNameParts.capability,
});

export const serviceDomain = scalar('service domain', parseServiceDomain, {
  type: textOrNumber,
  pattern: serviceDomainPattern,
  maxLength: longestResourceNameParts.serviceDomain,
});

export const vfCount = scalar('whole number', parseVfCount, { type: 'integer', minimum: 1, maximum: mostVfs });

/** A value that is in old files and means nothing any more. */
export const ignored: ConfigValue<never> = {
  label: 'number',
  schema: { type: 'integer', minimum: 0, deprecated: true },
  read({ name, ownerAt }: Located, source: ConfigSource): undefined {
    source.warn(ownerAt, `${name} is ignored: the kernel's own figure counts`);
    return undefined;
  },
};
