# shellcheck shell=bash
# To be sourced before mpirun on one machine: a container, a chroot or a laptop, as any user, with few cores.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1  # containers have no other user
export OMPI_MCA_rmaps_base_oversubscribe=1                        # more ranks than cores
export OMPI_MCA_btl_vader_single_copy_mechanism=none              # containers forbid it, and Open MPI then warns
export OPENBLAS_NUM_THREADS=1                                     # ranks have threads of their own
