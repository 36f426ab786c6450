"""With what arithmetic: functions of tensors that know nothing else of this project.

Each is exact unless its name says otherwise, works on CPU and CUDA, and states its cost, its memory and its ties. They
can be called on anyone's tensors: ``torchal.kernels.k_centre_greedy(features, labelled, budget)``.
"""

from torchal.kernels.balls import ball_cover, largest_pure_radius
from torchal.kernels.calibration import best_temperature, calibration_error
from torchal.kernels.confidence import closeness, doubt, softmax_entropy
from torchal.kernels.fisher import fisher_select, fisher_select_binary
from torchal.kernels.herding import facility_location
from torchal.kernels.information import entropy, mutual_information
from torchal.kernels.joint import batch_bald, batch_bald_sampled, joint_entropy
from torchal.kernels.k_centre import k_centre_greedy
from torchal.kernels.lloyd import kmeans, nearest_to
from torchal.kernels.middle import central
from torchal.kernels.nearest import knn_graph, neighbours
from torchal.kernels.quota import quotas
from torchal.kernels.ranking import ranks, top
from torchal.kernels.seeding import kmeanspp, kmeanspp_points
from torchal.kernels.typical import typicality

__all__ = [
    "ball_cover",
    "batch_bald",
    "batch_bald_sampled",
    "best_temperature",
    "calibration_error",
    "central",
    "closeness",
    "doubt",
    "entropy",
    "facility_location",
    "fisher_select",
    "fisher_select_binary",
    "joint_entropy",
    "k_centre_greedy",
    "kmeans",
    "kmeanspp",
    "kmeanspp_points",
    "knn_graph",
    "largest_pure_radius",
    "mutual_information",
    "nearest_to",
    "neighbours",
    "quotas",
    "ranks",
    "softmax_entropy",
    "top",
    "typicality",
]
