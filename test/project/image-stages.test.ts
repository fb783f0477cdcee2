import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { skipBecause } from '../skip-because.js';
import { commandOf, type Instruction, parseCopy, parseDockerfile, type Stage } from './dockerfile.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const stages = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'));
const program = '/opt/forwarder-sriov';
const hasGo = spawnSync('go', ['version']).status === 0;

/** Makes stages in folders instead of images: every stage a tree, every RUN a shell in its working directory. */
class Workshop implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'stages-'));
  readonly #context = join(this.#folder, '.context');

  constructor() {
    // What git would track is what .dockerignore leaves.
    const files = execFileSync('git', ['ls-files', '-zco', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
    for (const file of files.split('\0').filter((it) => it !== '' && existsSync(join(root, it)))) {
      cpSync(join(root, file), join(this.#context, file));
    }
  }

  tree(stage: string): string {
    return join(this.#folder, stage);
  }

  make(stage: Stage): void {
    const base = this.tree(stage.from);
    const hasBase = existsSync(base);
    if (hasBase) link(base, this.tree(stage.name));
    let workdir = hasBase ? program : '/';
    for (const instruction of stage.instructions) {
      if (instruction.name === 'WORKDIR') workdir = instruction.text;
      mkdirSync(join(this.tree(stage.name), workdir), { recursive: true });
      this.#follow(instruction, stage.name, workdir);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #follow({ name, text }: Instruction, stage: string, workdir: string): void {
    const cwd = join(this.tree(stage), workdir);
    if (name === 'COPY') this.#copy(text, { stage, cwd });
    // Debian packages belong to a whole system.
    if (name === 'RUN' && !text.includes('apt-get')) succeeds('sh', ['-c', text], cwd);
  }

  #copy(text: string, { stage, cwd }: { readonly stage: string; readonly cwd: string }): void {
    const { stage: from, sources, target } = parseCopy(text);
    const place = target.startsWith('/') ? join(this.tree(stage), target) : join(cwd, target);
    for (const source of sources) {
      const origin = join(from === undefined ? this.#context : this.tree(from), source);
      if (!target.endsWith('/')) link(origin, place);
      else if (source === '.') link(`${origin}/.`, place);
      else link(origin, join(place, basename(source)));
    }
  }
}

/** A copy that costs nothing: nothing here writes into a file that another stage has. */
function link(from: string, to: string): void {
  mkdirSync(join(to, '..'), { recursive: true });
  execFileSync('cp', ['-alT', from, to]);
}

function succeeds(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  expect(status, `${command} ${args.join(' ')}: ${stderr}`).to.equal(0);
  return stdout;
}

/** The program starts from the tree alone, says who it is, and finds its one native library. */
function runtimeWorks(tree: string): void {
  const [command = '', entry = ''] = commandOf(stages, 'runtime', 'ENTRYPOINT');
  const cwd = join(tree, program);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(succeeds(command, [join(tree, entry), '--version'], cwd)).to.equal(`forwarder-sriov ${version}\n`);
  expect(succeeds(command, [join(tree, entry), '--help'], cwd)).to.contain('NSM_SRIOV_CONFIG_FILE');
  succeeds('node', ['-e', 'require("koffi").load(null)'], cwd);
  expect(readdirSync(join(cwd, 'node_modules'))).not.to.include.any.members(['typescript', 'mocha', 'tsx']);
}

/** The program is built and mocha runs. */
function testsCanRun(tree: string): void {
  const cwd = join(tree, program);
  expect(existsSync(join(cwd, 'dist/src/start.cjs'))).to.equal(true);
  succeeds('node_modules/.bin/mocha', ['test/ports/**/*.test.ts'], cwd);
}

/** Nothing here can build an image, so this does in folders what the stages say. The cheap half: dockerfile.test.ts. */
describe('the stages of the Dockerfile', function () {
  this.timeout(600_000);

  it('make, run in folders, a runtime that starts and tests that run', function () {
    if (process.env['TEST_IMAGE'] === undefined) {
      skipBecause(this, 'takes a minute or two and the package registry: TEST_IMAGE=1 runs it');
    }
    using workshop = new Workshop();
    mkdirSync(join(workshop.tree('probe'), 'probe'), { recursive: true });
    for (const stage of stages) {
      if (stage.name !== 'probe' || hasGo) workshop.make(stage);
      else mkdirSync(join(workshop.tree('probe'), 'probe/grpc-health-probe'));
    }
    runtimeWorks(workshop.tree('runtime'));
    for (const stage of ['test', 'debug']) testsCanRun(workshop.tree(stage));
    if (!hasGo) return;
    const probe = join(workshop.tree('runtime'), 'bin/grpc-health-probe');
    expect(spawnSync(probe, ['-help'], { encoding: 'utf8' }).stderr).to.contain('-spiffe');
  });
});
