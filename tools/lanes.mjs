/**
 * Everything that continuous integration runs, in order. To add a lane, add an entry.
 *
 * @typedef {object} Lane
 * @property {string} name
 * @property {readonly string[]} command Ends with totals on a line of their own, unless `single`.
 * @property {number} minutes Time limit.
 * @property {boolean} [single] Counts as one test, decided by the exit status.
 */

/** @type {readonly Lane[]} */
export const lanes = [
  check('format', 'format:check'),
  check('lint'),
  check('types'),
  check('layers'),
  check('unused'),
  check('generated code', 'generate:check'),
  { name: `tests on Node ${process.versions.node.split('.')[0]}`, command: ['npm', 'test'], minutes: 12 },
  suite('demo', 'demo', 3),
  suite('tests on Node 24', 'test:node24', 8),
  suite('Go peers', 'test:interop', 9),
  suite('real kubelet', 'test:kubelet', 16),
  suite('mesh', 'test:mesh', 22),
  suite('emulated machine', 'test:vm', 16),
  suite('chaos', 'test:chaos:short', 6),
];

/** A static check: one test. @returns {Lane} */
function check(name, script = name) {
  return { name, command: ['npm', 'run', '--silent', script], minutes: 3, single: true };
}

/** A script that ends with totals; one that finds its prerequisites missing says why and reports a skipped test. @returns {Lane} */
function suite(name, script, minutes) {
  return { name, command: ['npm', 'run', '--silent', script], minutes };
}
