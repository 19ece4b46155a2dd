"""GRPO, the method: a policy that is rewarded by groups, and the way of a round through ArborGRPO.

In the order of a round: what becomes of the program's runs (rollouts), which of the groups that arrive are new
(rounds), what a reward is worth within its group and the loss of that (losses), the model that is trained (policy), and
the steps of the optimiser (learner). ArborGRPO itself begins at any round here (compiler).
"""
