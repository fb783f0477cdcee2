import { ForwarderError } from '../../ports/error.js';
import type { PciAddress } from '../../ports/pci-address.js';

const longest = 15;

/**
 * Checks a netdev name by the kernel's rules (`dev_valid_name`: 1-15 bytes, not `.` or `..`, no `/`, `:` or white space).
 *
 * @throws ForwarderError `invalid`, naming the value and the rule
 */
export function checkInterfaceName(name: string): void {
  const broken = brokenRule(name);
  if (broken === undefined) return;
  throw new ForwarderError('invalid', `interface name ${JSON.stringify(name)} ${broken}`);
}

function brokenRule(name: string): string | undefined {
  if (name === '') return 'is empty';
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > longest) return `is ${bytes} bytes long: the kernel takes at most ${longest}`;
  if (name === '.' || name === '..') return 'is reserved';
  if (name.includes('%')) return 'contains "%": the kernel would put a number there (dev_alloc_name)';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the kernel forbids exactly these (isspace, NUL)
  const bad = /[/:\s\u0000-\u001f\u007f]/.exec(name);
  if (bad !== null)
    return `contains ${JSON.stringify(bad[0])}: no slash, colon, white space or control character is allowed`;
  return undefined;
}

/**
 * The name under which a VF travels between namespaces. It is made of its PCI address, so that no two VFs of a node
 * meet and a stranded one tells where it belongs: `vf` and up to 13 hex digits.
 */
export function travelName(address: PciAddress): string {
  return `vf${address.replace(/[:.]/g, '')}`;
}
