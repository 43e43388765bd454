import { makeLoginCluster } from '../../testkit/login-cluster.ts';
import { roads } from '../../testkit/roads.ts';
import { loginsContract } from './contract.ts';
import { loginsSuite } from './logins.suite.ts';

const service = async () => {
  const { logins, people } = await makeLoginCluster();
  people.put('user:anna', {});
  return logins;
};

roads(loginsContract, service).forEach(loginsSuite);
