import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { settingRows } from '../../src/settings/environment/settings-table.js';
import { commandOf, lineage, parseCopy, parseDockerfile } from './dockerfile.js';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const exists = (file: string) => existsSync(new URL(`../../${file}`, import.meta.url));
const stages = parseDockerfile(read('Dockerfile'));
const manifest = JSON.parse(read('package.json')) as {
  readonly scripts: Record<string, string>;
  readonly bin: { readonly 'forwarder-sriov': string };
};

/** Text of all instructions of a kind that a stage is made by, those of its base stages included. */
function texts(stage: string, name: string): string[] {
  const instructions = lineage(stages, stage).flatMap((it) => it.instructions);
  return instructions.filter((it) => it.name === name).map((it) => it.text);
}

describe('the Dockerfile', () => {
  it('has the stages that its users name, and makes the runtime image when none is named', () => {
    expect(stages.map((it) => it.name)).to.include.members(['build', 'test', 'debug', 'runtime']);
    expect(stages.at(-1)?.name).to.equal('runtime');
  });

  it('starts from images of Debian and Node 24, and names no registry', () => {
    const images = stages.map((it) => it.from).filter((from) => !stages.some(({ name }) => name === from));
    expect(images).to.deep.equal(['golang:1.26-bookworm', 'node:24-bookworm-slim']);
    expect(read('Dockerfile')).not.to.match(/https?:|registry|GOPROXY|--mount=type=secret/);
  });

  it('copies only what there is', () => {
    const copies = stages.flatMap((it) => it.instructions).filter(({ name }) => name === 'COPY');
    for (const { stage, sources } of copies.map(({ text }) => parseCopy(text))) {
      if (stage !== undefined) expect(stages.map((it) => it.name)).to.include(stage);
      else expect(sources.filter((source) => !exists(source))).to.deep.equal([]);
    }
  });

  it('calls only scripts that package.json has', () => {
    const called = [...read('Dockerfile').matchAll(/npm run (\S+)/g)].map(([, script]) => String(script));
    expect(called).not.to.be.empty;
    for (const script of called) expect(manifest.scripts).to.have.property(script);
    expect(commandOf(stages, 'test', 'CMD')).to.deep.equal(['npm', 'test']);
  });

  it('puts production dependencies alone into the runtime image, koffi’s optional binary among them', () => {
    expect(texts('production', 'RUN')).to.deep.equal(['npm ci --omit=dev --no-audit --no-fund']);
    expect(texts('runtime', 'RUN')).to.be.empty;
    expect(texts('runtime', 'COPY')).to.include('--from=production /opt/forwarder-sriov/node_modules ./node_modules');
  });

  it('starts the program that package.json names', () => {
    expect(commandOf(stages, 'runtime', 'ENTRYPOINT')).to.deep.equal([
      'node',
      `/opt/forwarder-sriov/${manifest.bin['forwarder-sriov']}`,
    ]);
  });

  it('O4: carries grpc-health-probe where the DaemonSet calls it', () => {
    expect(texts('runtime', 'COPY')).to.include('--from=probe /probe/grpc-health-probe /bin/');
    expect(texts('probe', 'RUN').join()).to.contain('grpc-health-probe v0.4.38');
    expect(read('deployments/forwarder-sriov.yaml')).to.contain('/bin/grpc-health-probe');
  });

  it('waits for a debugger on port 40000 in the debug stage, where tests have no time limit', () => {
    const command = commandOf(stages, 'debug', 'CMD');
    expect(texts('debug', 'EXPOSE')).to.deep.equal(['40000']);
    expect(command.join(' ')).to.contain('inspect-brk=0.0.0.0:40000').and.to.contain('--timeout=0');
    expect(settingRows.map(([, { variable }]) => variable)).to.include('DLV_LISTEN_FORWARDER');
  });

  it('asks nothing and leaves no other place than its own folder: RUN is relative, apt-get is told not to ask', () => {
    for (const text of stages.flatMap((it) => it.instructions).flatMap((it) => (it.name === 'RUN' ? it.text : []))) {
      if (text.includes('apt-get install')) expect(text).to.contain('DEBIAN_FRONTEND=noninteractive');
      else expect(text).not.to.match(/(^|[\s=>])\//);
    }
  });
});
