import { expect } from 'chai';
import { policiesBy } from '../../src/policies/catalogue.js';
import { ForwarderError } from '../../src/ports/error.js';

const names = (mask: string) => policiesBy(mask).map(({ name }) => name);

describe('a mask', () => {
  it('selects policies as NSM components name them by default', () => {
    expect(names('etc/nsm/opa/common/.*.rego')).to.deep.equal([
      'common/tokens_valid',
      'common/tokens_chained',
      'common/tokens_expired',
    ]);
    expect(names('etc/nsm/opa/registry/.*.rego')).to.deep.equal(['registry/client_allowed']);
    expect(names('etc/nsm/opa/client/.*.rego')).to.deep.equal(['client/next_token_signed']);
    expect(names('etc/nsm/opa/server/.*.rego')).to.deep.equal(['server/prev_token_signed', 'server/connection_owned']);
    expect(names('etc/nsm/opa/monitor/.*.rego')).to.deep.equal(['monitor/service_connection']);
  });

  it('selects one policy by its name', () => {
    expect(names('etc/nsm/opa/common/tokens_expired.rego')).to.deep.equal(['common/tokens_expired']);
  });

  it('stands for the whole name: a part of it selects nothing', () => {
    expect(names('common/.*')).to.deep.equal([]);
    expect(names('etc/nsm/opa/common')).to.deep.equal([]);
    expect(names('etc/nsm/opa/server/prev|x')).to.deep.equal([]);
  });

  it('that is no regular expression is refused by name', () => {
    expect(() => policiesBy('etc/(')).to.throw(ForwarderError, '"etc/(" is no regular expression');
  });
});
