import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What an image is made of. */
export interface ImageParts {
  /** `node.local/<name>:1` */
  readonly name: string;
  /** busybox gives it a shell and all usual commands. */
  readonly busybox: string;
  /** More programs, which come to `/bin` under these names. */
  readonly programs?: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
}

/** Writes an image of one layer to a file, in the form that `docker save` has. */
export function writeImage({ name, busybox, programs = {}, entrypoint }: ImageParts, file: string): void {
  const work = mkdtempSync(join(tmpdir(), 'image-'));
  try {
    const layer = join(work, 'layer.tar');
    const tree = join(work, 'tree');
    for (const folder of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp'])
      mkdirSync(join(tree, folder), { recursive: true });
    for (const [program, path] of Object.entries({ busybox, ...programs })) cpSync(path, join(tree, 'bin', program));
    const commands = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
    for (const command of commands.filter((it) => it !== 'busybox')) symlinkSync('busybox', join(tree, 'bin', command));
    execFileSync('tar', ['-C', tree, '--owner', '0', '--group', '0', '-cf', layer, '.']);
    const digest = createHash('sha256').update(readFileSync(layer)).digest('hex');
    const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
    const config = { Entrypoint: entrypoint, Env: ['PATH=/bin'] };
    const rootfs = { type: 'layers', diff_ids: [`sha256:${digest}`] };
    writeFileSync(join(work, 'config.json'), JSON.stringify({ architecture, os: 'linux', config, rootfs }));
    const manifest = [{ Config: 'config.json', RepoTags: [`node.local/${name}:1`], Layers: ['layer.tar'] }];
    writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest));
    execFileSync('tar', ['-C', work, '-cf', file, 'manifest.json', 'config.json', 'layer.tar']);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
