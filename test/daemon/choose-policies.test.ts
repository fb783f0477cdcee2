import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { choosePolicies } from '../../src/daemon/choose-policies.js';
import { ForwarderError, toForwarderError } from '../../src/ports/error.js';
import { keptLog } from '../transport/support/kept-log.js';

const variable = 'NSM_SERVER_POLICIES';

async function refused(...masks: string[]): Promise<string> {
  const error = await choosePolicies(variable, masks, keptLog()).then(
    () => undefined,
    (thrown: unknown) => toForwarderError(thrown),
  );
  expect(error).to.be.instanceOf(ForwarderError).with.property('kind', 'invalid');
  return error?.message ?? '';
}

describe('masks of policies', () => {
  it('select each policy once, in the order of the masks', async () => {
    const masks = ['etc/nsm/opa/server/prev.*', 'etc/nsm/opa/common/.*.rego', 'etc/nsm/opa/.*/tokens_valid.rego'];
    const chosen = await choosePolicies(variable, masks, keptLog());
    expect(chosen.map(({ name }) => name)).to.deep.equal([
      'server/prev_token_signed',
      'common/tokens_valid',
      'common/tokens_chained',
      'common/tokens_expired',
    ]);
  });

  it('S5: none at all mean no policy, and a warning says so', async () => {
    const log = keptLog();
    expect(await choosePolicies(variable, [], log)).to.deep.equal([]);
    expect(log.lines).to.have.length(1);
    expect(log.lines[0]).to.include(variable);
  });

  it('S5: one that selects nothing is an error that names it and what there is, also beside others that do', async () => {
    const message = await refused('etc/nsm/opa/common/.*.rego', 'etc/nsm/opa/comon/.*.rego');
    expect(message).to.include(variable).and.to.include('comon').and.to.include('etc/nsm/opa/common/tokens_valid.rego');
  });

  it('that is no regular expression is an error that quotes it', async () => {
    expect(await refused('etc/nsm/(')).to.include('etc/nsm/(');
  });

  describe('of the user', () => {
    const folder = mkdtempSync(join(tmpdir(), 'policies-'));
    const file = join(folder, 'own.rego');

    before(() => writeFileSync(file, 'package nsm\n'));
    after(() => rmSync(folder, { recursive: true }));

    for (const [what, mask] of [
      ['names', file],
      ['matches', join(folder, '.*.rego')],
    ] as const) {
      it(`are refused clearly when one ${what} a Rego file`, async () => {
        expect(await refused(mask))
          .to.include(file)
          .and.to.include('Rego files are not evaluated');
      });
    }
  });
});
