/**
 * Writes apis/generated from apis/proto: `node tools/generate-apis.mjs`. With `--check` it writes nothing, lists what
 * differs and exits with status 1 if anything does.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const protoFolder = join(root, 'apis/proto');
const generatedFolder = join(root, 'apis/generated');

/** int64 stays a JavaScript number: what does not fit (a year beyond 285 million) is refused while decoding. */
const options = [
  // Service definitions for grpc-js only: a generated client's close() would send NSM's RPC of that name.
  'outputServices=grpc-js',
  'outputClientImpl=false',
  // Fields that newer peers send travel on to the next hop.
  'unknownFields=true',
  // A Date would cut the nanoseconds off a path segment's expiry.
  'useDate=false',
  // A plain DeepPartial gives type errors that can be read; TypeScript itself refuses unknown keys of literals.
  'useExactTypes=false',
  // No message of ours has a JSON form.
  'outputJsonMethods=false',
  // TypeScript enums are not erasable syntax.
  'enumsAsLiterals=true',
  'importSuffix=.js',
  'esModuleInterop=true',
  'env=node',
  // Reproducible whatever the versions: the lockfile knows them.
  'annotateFilesWithVersion=false',
];

/** Files below a folder, relative to it, sorted; none when there is no such folder. */
function filesBelow(folder, extension) {
  try {
    return readdirSync(folder, { recursive: true })
      .filter((name) => name.endsWith(extension))
      .sort();
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Every folder is an include path of its own, because the NSM files import each other by bare file name. */
function generateInto(folder) {
  const protos = filesBelow(protoFolder, '.proto');
  const includes = [...new Set(protos.map((file) => join(protoFolder, file, '..')))];
  const args = [
    join(root, 'node_modules/protoc/protoc.cjs'),
    `--plugin=protoc-gen-ts_proto=${join(root, 'node_modules/ts-proto/protoc-gen-ts_proto')}`,
    ...includes.map((include) => `--proto_path=${include}`),
    `--ts_proto_out=${folder}`,
    `--ts_proto_opt=${options.join(',')}`,
    ...protos.map((file) => basename(file)),
  ];
  execFileSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
}

/** One line for each file that is missing, superfluous or different in the second folder. */
function drift(fresh, tracked) {
  const wanted = filesBelow(fresh, '.ts');
  const present = filesBelow(tracked, '.ts');
  const read = (folder, file) => readFileSync(join(folder, file), 'utf8');
  return [
    ...wanted.filter((file) => !present.includes(file)).map((file) => `missing: ${file}`),
    ...present.filter((file) => !wanted.includes(file)).map((file) => `superfluous: ${file}`),
    ...wanted
      .filter((file) => present.includes(file) && read(fresh, file) !== read(tracked, file))
      .map((file) => `differs: ${file}`),
  ];
}

function check(fresh) {
  const lines = drift(fresh, generatedFolder);
  for (const line of lines) console.error(`apis/generated: ${line}`);
  if (lines.length > 0) {
    console.error('apis/generated does not follow from apis/proto: run npm run generate');
    process.exitCode = 1;
  }
}

function replace(fresh) {
  rmSync(generatedFolder, { recursive: true, force: true });
  chmodSync(fresh, 0o755);
  renameSync(fresh, generatedFolder);
}

const checking = process.argv.includes('--check');
const fresh = mkdtempSync(checking ? join(tmpdir(), 'apis-') : join(root, 'apis/.generating-'));
try {
  generateInto(fresh);
  if (checking) check(fresh);
  else replace(fresh);
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
