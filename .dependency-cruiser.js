// Who may import whom. main.ts and daemon/ wire everything and may import all; a folder of src that is named nowhere
// here counts as an adapter.
const core = 'ledger|mechanism|policies|resourcepool';
const frontEnds = 'forwarder|deviceplugin';

/** Only these folders of src may import an npm package, and why nobody else. */
function onlyIn(folders, npmPackage, reason) {
  return {
    name: `few-import-${npmPackage.replace(/^.*\//, '')}`,
    comment: reason,
    severity: 'error',
    from: { path: '^src/', pathNot: `^src/(${folders})/` },
    to: { path: `^node_modules/${npmPackage}/` },
  };
}

export default {
  forbidden: [
    {
      name: 'ports-import-nothing',
      comment: 'Ports are the words between parts: whoever reads one needs to know nothing else.',
      severity: 'error',
      from: { path: '^src/ports/' },
      to: { pathNot: '^src/ports/' },
    },
    {
      name: 'resourcepool-imports-only-ports',
      comment: 'Who may have which VF is decided by pure state machines, so that a model test can drive them.',
      severity: 'error',
      from: { path: '^src/resourcepool/' },
      to: { pathNot: '^src/(resourcepool|ports)/' },
    },
    {
      name: 'ledger-imports-only-ports',
      comment: 'What is owed must not depend on what made it: entries are plain data.',
      severity: 'error',
      from: { path: '^src/ledger/' },
      to: { pathNot: '^src/(ledger|ports)/' },
    },
    {
      name: 'policies-import-only-ports',
      comment: 'Whether somebody may do something follows from what is given, so that it can be tested and read alone.',
      severity: 'error',
      from: { path: '^src/policies/' },
      to: { pathNot: '^src/(policies|ports)/|^crypto$' },
    },
    {
      name: 'mechanism-imports-only-the-core',
      comment:
        'A delivery is tested on the simulated node with every port call failing, so it reaches Linux over ports only.',
      severity: 'error',
      from: { path: '^src/mechanism/' },
      to: { pathNot: `^src/(${core}|ports)/` },
    },
    {
      name: 'adapters-know-only-ports-and-native',
      comment:
        'An adapter is replaced by its simulated twin; it cannot be if it leans on the core or on another adapter.',
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: `^src/(${core}|${frontEnds}|ports|daemon)/` },
      to: { path: '^src/', pathNot: '^src/($1|ports|native)/' },
    },
    {
      name: 'front-ends-know-no-adapter-and-no-other-front-end',
      comment:
        'Each front-end can be left out or replaced: it speaks to the rest over the core and ports. ' +
        'forwarder/grpc is where the forwarder meets its transport, and kubelet is reached over it too.',
      severity: 'error',
      from: { path: `^src/(${frontEnds})/`, pathNot: '^src/forwarder/grpc/' },
      to: { path: '^src/', pathNot: `^src/($1|${core}|ports)/|^src/transport/(caller|grpc-status|plain-client)\\.ts$` },
    },
    {
      name: 'the-wire-side-of-the-forwarder-knows-only-its-transport',
      comment: 'It translates messages; what it finds out about the machine it gets from nobody.',
      severity: 'error',
      from: { path: '^src/forwarder/grpc/' },
      to: { path: '^src/', pathNot: '^src/(forwarder|transport|policies|ports)/' },
    },
    {
      name: 'the-chain-does-not-know-the-wire-side',
      comment: 'Elements work on plain messages, whoever brought them.',
      severity: 'error',
      from: { path: '^src/forwarder/', pathNot: '^src/forwarder/grpc/' },
      to: { path: '^src/(transport|forwarder/grpc)/' },
    },
    {
      name: 'only-front-ends-and-adapters-know-the-wire',
      comment: 'Messages are translated to our own values at the door.',
      severity: 'error',
      from: { path: `^src/(${core}|ports|native)/` },
      to: { path: '^apis/' },
    },
    {
      name: 'nobody-imports-the-wiring',
      comment: 'main.ts and daemon/ know everybody; what they would share belongs into a folder that does not.',
      severity: 'error',
      from: { path: '^(src|apis)/', pathNot: '^src/(start\\.cts$|main\\.ts$|daemon/)' },
      to: { path: '^src/(main\\.ts$|daemon/)' },
    },
    {
      name: 'the-program-imports-neither-tests-nor-simulation',
      comment: 'They are not shipped.',
      severity: 'error',
      from: { path: '^(src|apis)/' },
      to: { path: '^(test|simulation|tools)/' },
    },
    {
      name: 'the-simulation-imports-no-tests',
      comment: 'The demo runs without them.',
      severity: 'error',
      from: { path: '^simulation/' },
      to: { path: '^test/' },
    },
    {
      name: 'the-program-imports-no-development-tool',
      comment: 'The image is installed without them.',
      severity: 'error',
      from: { path: '^(src|apis)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'type-only'] },
    },
    {
      name: 'everything-imported-is-declared',
      comment: 'A package that only came with another one may vanish with it.',
      severity: 'error',
      from: { path: '^(src|apis|simulation|test)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
    {
      name: 'everything-imported-exists',
      comment: 'An import that resolves to nothing hides from all other rules.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    onlyIn('native', 'koffi', 'A wrong pointer corrupts the heap: one folder holds all of them.'),
    onlyIn(
      'link',
      'netlink',
      'Its errors carry no code and its transport is replaced; the adapter knows, others need not.',
    ),
    onlyIn('transport|forwarder/grpc|deviceplugin', '@grpc/grpc-js', 'The chain must not know how a call arrives.'),
    onlyIn('telemetry', '@opentelemetry', 'Who measures nothing loads nothing of it.'),
    {
      name: 'telemetry-is-loaded-when-it-is-wanted',
      comment: 'Its libraries cost tens of milliseconds and megabytes: only an import() may bring them in.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/telemetry/' },
      to: { path: '^src/telemetry/', dynamic: false },
    },
    onlyIn('none', '@bufbuild/protobuf', 'Only generated code reads and writes the wire.'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
