import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './child.mjs';

/** Commands that tests and the demo use to look at the kernel with other eyes than ours. */
const needed = [
  { command: 'ip', debianPackage: 'iproute2' },
  { command: 'ping', debianPackage: 'iputils-ping' },
];

function isInstalled(command) {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Installs missing Debian packages when root; otherwise says what is missing. Never ends the process: tests that need one skip. */
export async function ensureDebianPackages() {
  const missing = needed.filter(({ command }) => !isInstalled(command));
  if (missing.length === 0) return;
  const packages = missing.map(({ debianPackage }) => debianPackage);
  if (process.getuid?.() !== 0 || !isInstalled('apt-get')) {
    console.log(`missing: ${packages.join(', ')} (install as root); what needs them is skipped`);
    return;
  }
  console.log(`installing Debian packages: ${packages.join(', ')}`);
  if (!(await aptInstall(packages)))
    console.log(`could not install ${packages.join(', ')}; what needs them is skipped`);
}

async function aptInstall(packages) {
  const apt = async (...args) => {
    const ending = await run(['apt-get', '-qq', '-o', 'Dpkg::Use-Pty=0', ...args], {
      minutes: 5,
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });
    return ending.status === 0;
  };
  return (await apt('update')) && (await apt('install', '-y', '--no-install-recommends', ...packages));
}
