import { readFileSync } from 'node:fs';

/** Ends the process with one sentence when this Node is older than package.json allows. */
export function ensureNode(root) {
  const { engines } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(engines.node) ?? [];
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number);
  if (ownMajor > Number(major) || (ownMajor === Number(major) && ownMinor >= Number(minor))) return;
  console.error(`Node ${process.versions.node} is too old: this project needs ${engines.node}`);
  process.exit(1);
}
